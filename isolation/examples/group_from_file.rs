//! A group from a file, as `isolate up isolation/examples/shop.json` starts it.
//!
//! ```console
//! $ cargo run -p isolation --example group_from_file
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use std::path::Path;

use isolation::{EngineChoice, GroupSpec, Manager, Registry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop.json");
    let spec = GroupSpec::from_json(&std::fs::read_to_string(file)?)?;

    let manager = Manager::new(Registry::with_builtin());
    // `web` starts when `migrate` has ended with code 0, and that when `store` is ready.
    let group = manager.up(&EngineChoice::Auto, spec).await?;
    for (name, environment) in group.services() {
        println!("{name}: {}", environment.status());
    }
    assert_eq!(group.services().count(), 3);

    manager.shutdown().await?;
    Ok(())
}
