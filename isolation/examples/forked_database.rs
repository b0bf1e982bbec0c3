//! A Postgres that is loaded once, and forked for each of eight tests.
//!
//! ```console
//! $ cargo run -p isolation --example forked_database -- docker postgres:15
//! $ isolate image import --engine sandbox postgres.tar
//! $ cargo run -p isolation --example forked_database -- sandbox postgres:15
//! ```
//!
//! The image has the programs of Postgres 15 in its PATH, a user `postgres`, and `setpriv` of
//! util-linux. The fork copies the files of the running server at one moment, as a power failure
//! would leave them; the server of each fork recovers from its log.
#![allow(clippy::print_stdout)] // an example prints its result

use std::time::Instant;

use isolation::{Command, EngineChoice, Environment, EnvironmentSpec, ForkOptions, Manager, Registry};

const TESTS: usize = 8;
const ROWS: usize = 100_000;

/// Runs a script as the user `postgres`; returns what it printed.
async fn postgres(environment: &Environment, script: &str) -> Result<String, Box<dyn std::error::Error>> {
    let as_user = "exec setpriv --reuid=postgres --regid=postgres --clear-groups env \
                   PGDATA=/var/lib/postgresql/data PGHOST=/tmp sh -ec \"$0\"";
    let output = environment
        .run(Command::new(["sh", "-c", as_user, script]))
        .await?;
    match output.exit.success() {
        true => Ok(output.stdout_text().trim().to_owned()),
        false => Err(format!("{script}: {}{}", output.stdout_text(), output.stderr_text()).into()),
    }
}

async fn start(environment: &Environment) -> Result<String, Box<dyn std::error::Error>> {
    // The number in the file of the lock is that of a process of the original. -F: a test needs no
    // data after a power failure.
    let script = "rm -f $PGDATA/postmaster.pid; pg_ctl -w -s -l /tmp/log -o '-F -k /tmp' start";
    postgres(environment, script).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let engine = arguments.next().ok_or("name an engine: docker or sandbox")?;
    let image = arguments.next().unwrap_or_else(|| "postgres:15".to_owned());
    let manager = Manager::new(Registry::with_builtin());
    let spec = EnvironmentSpec {
        image: Some(image),
        ..EnvironmentSpec::default()
    };
    let began = Instant::now();
    let database = manager.create(&EngineChoice::Named(engine), spec).await?;
    let own = "mkdir -p /var/lib/postgresql && chown postgres:postgres /var/lib/postgresql";
    database.run(Command::shell(own)).await?;
    postgres(&database, "initdb -A trust >/tmp/initdb").await?;
    start(&database).await?;
    let load = format!(
        "psql -qc \"CREATE TABLE users AS SELECT n AS id, md5(n::text) AS name FROM \
         generate_series(1, {ROWS}) n; ALTER TABLE users ADD PRIMARY KEY (id)\" postgres"
    );
    postgres(&database, &load).await?;
    println!("{ROWS} rows are loaded after {} ms", began.elapsed().as_millis());

    let began = Instant::now();
    let forks = manager.fork(&database, TESTS, ForkOptions::default()).await?;
    println!("{TESTS} forks are ready after {} ms", began.elapsed().as_millis());
    for (number, fork) in forks.iter().enumerate() {
        let began = Instant::now();
        start(fork).await?;
        let count = postgres(fork, "psql -Atc 'SELECT count(*) FROM users' postgres").await?;
        assert_eq!(count, ROWS.to_string());
        println!("fork {number} answers after {} ms", began.elapsed().as_millis());
        // The test of this fork.
        let write = format!(
            "psql -qc \"DELETE FROM users WHERE id <= {number}; INSERT INTO users VALUES (-1, '{number}')\" postgres"
        );
        postgres(fork, &write).await?;
    }
    // No test sees the writes of another one.
    for (number, fork) in forks.iter().enumerate() {
        let look = "psql -Atc 'SELECT count(*) FROM users; SELECT name FROM users WHERE id = -1' postgres";
        let expected = format!("{}\n{number}", ROWS + 1 - number);
        assert_eq!(postgres(fork, look).await?, expected);
    }
    let count = postgres(&database, "psql -Atc 'SELECT count(*) FROM users' postgres").await?;
    assert_eq!(count, ROWS.to_string());
    println!("each fork has its own rows");
    manager.shutdown().await?;
    Ok(())
}
