//! What each engine can do, and why it cannot do the rest, before anything is created.
//!
//! ```console
//! $ cargo run -p isolation --example compare_engines
//! ```
#![allow(clippy::print_stdout)] // an example prints what it has found

use isolation::{Feature, Registry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> isolation::Result<()> {
    let registry = Registry::with_builtin();
    for engine in registry.engines() {
        let able = engine.capabilities();
        println!(
            "{}: {} ({})",
            engine.name(),
            able.isolation(),
            engine.availability().await
        );
        for feature in Feature::ALL {
            match able.reason(feature) {
                Some(reason) => println!("  no  {feature}: {reason}"),
                None => println!("  yes {feature}"),
            }
        }
    }
    for difference in registry.compare("basic", "docker")? {
        let who = if difference.first_has_it {
            "basic"
        } else {
            "docker"
        };
        println!("only {who} has {}", difference.feature);
    }
    Ok(())
}
