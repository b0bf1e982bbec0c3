//! Lists the features of each engine, and why one is missing, without creating an environment.
//!
//! ```console
//! $ cargo run -p isolation --example compare_engines
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use isolation::{Feature, Registry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> isolation::Result<()> {
    let registry = Registry::with_builtin();
    for engine in registry.engines() {
        let probe = engine.probe().await;
        let capabilities = probe.capabilities;
        println!(
            "{}: {} ({})",
            engine.name(),
            capabilities.isolation(),
            probe.availability
        );
        for feature in Feature::ALL {
            match capabilities.reason(feature) {
                Some(reason) => println!("  no  {feature}: {reason}"),
                None => println!("  yes {feature}"),
            }
        }
    }
    for difference in registry.compare("basic", "docker").await? {
        let engine = if difference.first_has_it {
            "basic"
        } else {
            "docker"
        };
        println!("only {engine} supports {}", difference.feature);
    }
    Ok(())
}
