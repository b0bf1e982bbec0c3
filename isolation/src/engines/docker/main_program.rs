//! Checks that the program of the main process exists, before a start in the background.
//!
//! A shell and an init program start it, so the daemon cannot report that it is missing: the
//! container would only end with the code 127.

use super::container::ContainerRef;
use super::diagnostics::to_error;
use super::paths;
use crate::error::{Error, Result};

/// The directories that are searched if there is no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const EXECUTABLE: u32 = 0o111;

/// Fails if the program does not exist or cannot be run.
pub(super) async fn check(
    container: &ContainerRef,
    program: &str,
    path: Option<&str>,
    working_dir: &str,
) -> Result<()> {
    let candidates: Vec<String> = match program.contains('/') {
        true => vec![paths::join(working_dir, program)?],
        false => {
            let directories = path.unwrap_or(DEFAULT_PATH).split(':');
            let inside = directories.map(|directory| format!("{directory}/{program}"));
            inside
                .map(|file| paths::join(working_dir, &file))
                .collect::<Result<_>>()?
        }
    };
    let (used, mut found, mut missing) = (container.id(), false, None);
    for candidate in candidates {
        let stat = match container
            .docker
            .containers()
            .stat(container.id(), &candidate)
            .await
        {
            Ok(stat) => stat,
            Err(error) if error.is_not_found() => {
                missing = Some(error);
                continue;
            }
            Err(error) => return Err(to_error(error)),
        };
        // Where a link leads is not checked.
        if stat.is_symlink() || (stat.is_file() && stat.permissions() & EXECUTABLE != 0) {
            return Ok(());
        }
        found = true;
    }
    if let (false, Some(error)) = (found, missing) {
        // The container may be what is missing.
        if container.is_renamed(used, &error).await {
            return Box::pin(check(container, program, path, working_dir)).await;
        }
    }
    let what = "the main process could not be started";
    Err(match found {
        true => Error::invalid(format!("{what}: {program} is not executable")),
        false => Error::not_found(format!("{what}: {program} does not exist in the container")),
    })
}
