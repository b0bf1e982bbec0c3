//! The lifetime of an environment after its creation.

use crate::BoxFuture;
use crate::environment::Environment;
use crate::error::Result;
use crate::join::all;
use crate::spec::lifetime::Lifetime;

/// Keeps an environment after its creation, if its specification requires that.
pub(super) async fn kept_if_asked(environment: Environment) -> Result<Environment> {
    if environment.spec().lifetime == Lifetime::Kept {
        environment.keep().await?;
    }
    Ok(environment)
}

/// Keeps new environments, if their specifications require that: all of them, or none. If one
/// cannot be kept, all are destroyed, also those that are kept already.
pub(super) async fn all_kept_if_asked(environments: Vec<Environment>) -> Result<Vec<Environment>> {
    for environment in &environments {
        if let Err(error) = kept_if_asked(environment.clone()).await {
            let ends = environments
                .iter()
                .map(|environment| -> BoxFuture<'_, Result<()>> {
                    Box::pin(async move {
                        // Its error is an event. The others are destroyed anyway.
                        let _ = environment.destroy().await;
                        Ok(())
                    })
                });
            let _ = all(ends.collect()).await;
            return Err(error);
        }
    }
    Ok(environments)
}
