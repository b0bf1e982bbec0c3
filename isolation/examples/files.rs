//! Files: copy a directory in, run a command on it, and copy the result out.
//!
//! ```console
//! $ cargo run -p isolation --example files
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use std::fs;

use isolation::{Command, CopySource, EngineChoice, EnvironmentSpec, Manager, Registry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = tempfile::tempdir()?;
    let (input, output) = (here.path().join("input"), here.path().join("sum"));
    fs::create_dir(&input)?;
    fs::write(input.join("a"), "1\n")?;
    fs::write(input.join("b"), "2\n")?;

    let manager = Manager::new(Registry::with_builtin());
    let spec = EnvironmentSpec {
        image: Some("busybox".into()),
        ..Default::default()
    };
    let environment = manager.create(&EngineChoice::Auto, spec).await?;
    environment.copy_in(CopySource::Path(input), "/data").await?;
    let script = "cat /data/* | { s=0; while read -r n; do s=$((s+n)); done; echo $s; } >/sum";
    let run = environment.run(Command::shell(script)).await?;
    assert!(run.exit.success(), "{}", run.stderr_text());
    environment.copy_out("/sum", &output).await?;
    println!("the sum is {}", fs::read_to_string(&output)?.trim_end());
    assert_eq!(fs::read_to_string(&output)?, "3\n");

    manager.shutdown().await?;
    Ok(())
}
