//! `isolate serve`: offers the engines to another program.

use clap::Args;
use isolation::engines::docker::PullPolicy;
use isolation::{ManagerOptions, ServeOptions, serve};

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::global::Global;
use crate::registry;
use crate::signals::{self, Interrupted};
use crate::standard_input;

/// Offer the engines to a program in any language, over standard input and output
///
/// Each line is a JSON object. PROTOCOL.md of the crate isolation describes the messages. When
/// standard input ends, the environments of the
/// connection are destroyed, unless they are kept.
///
/// An executable `isolation-engine-NAME` that runs `exec isolate serve --stdio --engine ENGINE`
/// makes ENGINE available to another isolate as the engine NAME.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Use standard input and output
    #[arg(long, required_unless_present = "schema")]
    stdio: bool,
    /// Print the JSON schema of the messages, for authors of clients and engines
    #[arg(long, conflicts_with_all = ["stdio", "engine"])]
    schema: bool,
    /// Offer only this engine [default: all; a request that names no engine gets the first suitable
    /// one]
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
}

impl Serve {
    pub(crate) async fn run(
        &self,
        global: &Global,
        client: &Client,
        console: Console,
    ) -> Result<u8, CliError> {
        if self.schema {
            let text = serde_json::to_string_pretty(&isolation::protocol::schema())
                .map_err(|error| CliError::new("cannot write the schema").because(&error))?;
            console.text(&format!("{text}\n"))?;
            return Ok(exit_code::SUCCESS);
        }
        let options = ServeOptions {
            engine: self.engine.clone(),
            manager: ManagerOptions {
                // A replay creates nothing.
                journal: global.replay.is_none(),
                ..client.config().manager_options()
            },
        };
        let registry = registry::open(client, PullPolicy::default())?;
        let serving = async {
            Box::pin(serve(
                registry,
                options,
                standard_input::reader(),
                tokio::io::stdout(),
            ))
            .await?;
            Ok(exit_code::SUCCESS)
        };
        let (mut stop, _) = signals::listen()?;
        // The cleanup may take as long as the environments need.
        match stop.or(Box::pin(serving)).await {
            Ok(outcome) => outcome,
            Err(Interrupted(code)) => Ok(code),
        }
    }
}
