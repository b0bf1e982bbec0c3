//! `isolate inspect`: everything that is known of an environment, as JSON.

use clap::Args;
use isolation::{Environment, EnvironmentSpec, Main};
use serde_json::{Value, json};

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Show the state and the specification of environments, as JSON
///
/// The values of environment variables are not shown.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Names or IDs of environments; a unique beginning of an ID is enough
    #[arg(required = true, value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Inspect {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        for reference in &self.environments {
            let environment = session.manager().open(reference).await?;
            console.document(&describe(&environment).await?)?;
        }
        Ok(exit_code::SUCCESS)
    }
}

async fn describe(environment: &Environment) -> Result<Value, CliError> {
    let state = environment.inspect().await?;
    Ok(json!({
        "id": environment.id(),
        "name": environment.name(),
        "engine": environment.engine(),
        "status": state.status,
        "limits": state.limits,
        "security": {
            "profile": environment.spec().security.profile,
            "relaxations": environment.spec().relaxations(),
        },
        "exit": state.exit,
        "health": state.health,
        "networks": state.networks,
        "details": state.details,
        "spec": hidden(environment.spec().clone()),
    }))
}

/// The specification without the values of variables, which may be secret.
fn hidden(mut spec: EnvironmentSpec) -> EnvironmentSpec {
    let of_main = match &mut spec.main {
        Main::Command(command) => Some(&mut command.env),
        _ => None,
    };
    let of_check = spec.health.as_mut().and_then(|health| health.check.as_mut());
    let of_check = of_check.map(|check| &mut check.env);
    for variables in [Some(&mut spec.env), of_main, of_check].into_iter().flatten() {
        variables.values_mut().for_each(|value| "***".clone_into(value));
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use isolation::Command;

    #[test]
    fn values_of_variables_are_hidden() {
        let spec = EnvironmentSpec {
            env: [("A", "hunter2")].into(),
            main: Main::Command(Command {
                env: [("B", "hunter2")].into(),
                ..Command::new(["x"])
            }),
            health: Some(isolation::HealthSpec {
                check: Some(Command {
                    env: [("C", "hunter2")].into(),
                    ..Command::new(["x"])
                }),
                ..isolation::HealthSpec::default()
            }),
            ..EnvironmentSpec::default()
        };
        let text = json!(hidden(spec)).to_string();
        assert!(text.contains("\"A\"") && text.contains("\"B\""), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
