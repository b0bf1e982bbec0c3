//! The options that describe a new environment: of `run` and `create`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use isolation::engines::docker::{BuildSpec, PullPolicy};
use isolation::{
    CopyIn, EngineChoice, EngineVerdict, EnvironmentSpec, IsolationLevel, Manager, Mount, Requirements,
    Selection, Signal, WaitFor,
};

use super::limit_options::{CreationLimitOptions, LimitOptions};
use super::lock_options::LockOptions;
use super::network_options::NetworkOptions;
use super::security_options::SecurityOptions;
use super::supervision_options::SupervisionOptions;
use super::variables::{VariableOptions, Variables};
use super::{image, mount, spec_file, volume_option};
use crate::client::Client;
use crate::console::Console;
use crate::error::{CliError, brief};
use crate::escape;
use crate::exit_code;
use crate::global::Global;
use crate::parse;
use crate::registry;
use crate::session::Session;

/// Options that describe a new environment.
#[derive(Debug, Args)]
pub(crate) struct EnvironmentOptions {
    /// Engine: auto, docker, sandbox, basic or virtualenv; auto uses docker if a Docker daemon
    /// answers, otherwise sandbox or basic, but neither instead of a daemon that DOCKER_HOST, a
    /// context or the configuration names. Also ISOLATE_ENGINE [default: auto]
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    /// Use only an engine that has all this: an isolation level (container: nothing runs directly
    /// on this host), features (memory-limit,network-isolation). Also ISOLATE_REQUIRE
    #[arg(long, value_name = "REQUIREMENT,…")]
    require: Option<Requirements>,
    #[command(flatten)]
    pub(super) lock: LockOptions,
    /// Print which engine would be chosen, and why each other one is passed over; create nothing
    #[arg(long)]
    pub(super) explain: bool,
    /// Read the specification from a JSON file; the options below override it
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Image of the environment (engines docker and sandbox). ISOLATE_IMAGE names the default one
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Python of a virtual environment: 3.11, >=3.11,<3.13, 3.13t, pypy3.10 or a path (engine
    /// virtualenv, which it selects)
    #[arg(long, value_name = "VERSION")]
    python: Option<String>,
    /// Build the image from this directory, unless an image with the same content exists (engine
    /// docker only); see `isolate image build`
    #[arg(long, value_name = "DIR", conflicts_with_all = ["image", "pull"])]
    build: Option<PathBuf>,
    /// When to pull the image [default: missing]
    #[arg(long, value_enum, value_name = "WHEN")]
    pull: Option<Pull>,
    /// Platform of the image, instead of the daemon's: linux/arm64 (engine docker only)
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,
    #[command(flatten)]
    variables: VariableOptions,
    /// Working directory, created if missing
    #[arg(long = "workdir", short, value_name = "DIR")]
    working_dir: Option<String>,
    /// User of the commands: a name or a number, also USER:GROUP
    #[arg(long, short, value_name = "USER")]
    user: Option<String>,
    /// Mount a file or directory of this machine, or a volume by its name; may be repeated
    #[arg(long, short, value_name = "SRC:DST[:ro]", value_parser = volume_option::volume)]
    volume: Vec<Mount>,
    /// Mount `type=bind,source=SRC,target=DST[,readonly]`, or the type volume or tmpfs; may be
    /// repeated
    #[arg(long, value_name = "type=TYPE,…", value_parser = mount::mount)]
    mount: Vec<Mount>,
    /// Copy a file or directory in before the command starts; may be repeated
    #[arg(long, value_name = "SRC:DST", value_parser = parse::copy)]
    copy: Vec<CopyIn>,
    /// Mount a file system in memory; may be repeated
    #[arg(long, value_name = "PATH[:size=SIZE]", value_parser = volume_option::tmpfs)]
    tmpfs: Vec<Mount>,
    /// Label of the environment; may be repeated
    #[arg(long, short, value_name = "KEY=VALUE", value_parser = parse::label)]
    label: Vec<(String, String)>,
    #[command(flatten)]
    network: NetworkOptions,
    /// Host name of the environment (engine docker only)
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Run an init program as process 1 (engine docker only)
    #[arg(long)]
    init: bool,
    /// Signal by which a stop asks the main process to end: INT, SIGQUIT (engine docker only)
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<Signal>,
    /// Condition for the environment to be ready after its start: port:5432, http:8080/path,
    /// log:PATTERN, file:/path, exec:SCRIPT, exit:CODE or healthy; may be repeated, then all must
    /// be true
    #[arg(long, value_name = "CONDITION", value_parser = parse::wait_for)]
    wait_for: Vec<WaitFor>,
    /// Timeout for the environment to be ready [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = parse::duration, requires = "wait_for")]
    wait_timeout: Option<Duration>,
    #[command(flatten)]
    pub(super) limits: LimitOptions,
    #[command(flatten)]
    pub(super) creation_limits: CreationLimitOptions,
    #[command(flatten)]
    security: SecurityOptions,
    #[command(flatten)]
    supervision: SupervisionOptions,
    /// Name of the environment
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// When to pull an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Pull {
    /// If the daemon does not have it
    Missing,
    /// Every time
    Always,
    /// Never; a missing image is an error
    Never,
}

/// The warning if `auto` has chosen an engine without isolation.
const ON_THE_HOST: &str =
    "no container engine found; the command runs directly on this host, its files are not protected";

impl EnvironmentOptions {
    /// The variables, the working directory and the user, for a command in an environment that
    /// exists.
    pub(super) fn of_command(&self) -> (Variables<'_>, Option<String>, Option<String>) {
        (
            self.variables.given(),
            self.working_dir.clone(),
            self.user.clone(),
        )
    }

    /// Rejects invalid options before anything is sent or created.
    pub(crate) fn check(&self, global: &Global) -> Result<(), CliError> {
        self.check_around(global)?;
        Ok(self.spec(global)?.validate()?)
    }

    /// The same checks without the specification, to which the caller still adds values.
    pub(crate) fn check_around(&self, global: &Global) -> Result<(), CliError> {
        self.choice(global)?;
        self.lock.check()
    }

    /// When to pull the image.
    pub(crate) fn pull(&self, global: &Global) -> PullPolicy {
        match self.pull {
            // No registry has the image.
            None if self.build.is_some() => PullPolicy::IfMissing,
            None => global.settings.config().docker.pull.unwrap_or_default(),
            Some(Pull::Missing) => PullPolicy::IfMissing,
            Some(Pull::Always) => PullPolicy::Always,
            Some(Pull::Never) => PullPolicy::Never,
        }
    }

    /// The engine to use. An option that names a Docker daemon selects the engine `docker`, and so
    /// does an option that no other engine has.
    pub(crate) fn choice(&self, global: &Global) -> Result<EngineChoice, CliError> {
        let of_docker = [
            ("--platform", self.platform.is_some()),
            ("--hostname", self.hostname.is_some()),
            ("--init", self.init),
            ("--stop-signal", self.stop_signal.is_some()),
        ];
        let given = of_docker
            .into_iter()
            .find_map(|(option, given)| given.then_some(option));
        match (given, self.choice_by_name(global)?) {
            (Some(_), EngineChoice::Auto) => Ok(EngineChoice::Named(registry::DOCKER.into())),
            (Some(option), EngineChoice::Named(name)) if name != registry::DOCKER => {
                let why = format!("{option} is an option of the engine docker, not of {name}");
                Err(CliError::new(why).hint("remove it, or use --engine docker"))
            }
            (_, choice) => Ok(choice),
        }
    }

    fn choice_by_name(&self, global: &Global) -> Result<EngineChoice, CliError> {
        let engine = match (&self.python, self.engine.as_deref()) {
            (Some(_), None | Some("auto")) => Some(registry::VIRTUALENV),
            (Some(_), Some(name)) if name != registry::VIRTUALENV => {
                let why = format!("--python is an option of the engine virtualenv, not of {name}");
                let hint = "for a container, name an image with that Python: --image python:3.12-slim";
                return Err(CliError::new(why).hint(hint));
            }
            (_, engine) => engine,
        };
        match engine {
            None | Some("auto") if global.names_a_daemon() => {
                Ok(EngineChoice::Named(registry::DOCKER.into()))
            }
            Some(name) if name != registry::DOCKER && global.names_a_daemon() => Err(CliError::new(format!(
                "--host, --replay and --record need a Docker daemon; they cannot be combined with \
                     --engine {name}"
            ))),
            Some("auto") => Ok(EngineChoice::Auto),
            Some(name) => Ok(EngineChoice::Named(name.into())),
            None => Ok(global.settings.config().choice()),
        }
    }

    /// Builds the image, if an option requires it.
    pub(crate) async fn build(
        &self,
        session: &Session,
        spec: &mut EnvironmentSpec,
        console: Console,
    ) -> Result<(), CliError> {
        let Some(directory) = &self.build else {
            return Ok(());
        };
        let from = BuildSpec {
            platform: self.platform.clone(),
            without_session: session.is_recorded(),
            ..BuildSpec::directory(directory)
        };
        let building = image::build::build(session.docker()?.images(), &from, console);
        let built = Box::pin(building).await?;
        spec.image = Some(built.name);
        Ok(())
    }

    /// Selects an engine. If `auto` selects an engine without isolation, a warning is printed: a
    /// command never runs on the host without a message.
    pub(crate) async fn select(
        &self,
        manager: &Manager,
        choice: &EngineChoice,
        spec: &EnvironmentSpec,
        console: Console,
    ) -> Result<Selection, CliError> {
        let selection = manager.select(choice, spec).await?;
        let isolation = selection.capabilities.isolation();
        if *choice == EngineChoice::Auto && isolation < IsolationLevel::Container {
            console.warning(ON_THE_HOST);
        }
        Ok(selection)
    }

    /// Prints which engine would be chosen, and why each other one is passed over.
    pub(super) async fn explain(
        &self,
        session: &Session,
        global: &Global,
        console: Console,
    ) -> Result<u8, CliError> {
        let (choice, spec) = (self.choice(global)?, self.spec(global)?);
        let explained = session.manager().registry().explain(&choice, &spec).await?;
        if console.json {
            console.value(&explained)?;
        } else {
            let line = |one: &EngineVerdict| escape::line(&brief(&one.to_string())).into_owned() + "\n";
            let lines = explained.engines.iter().map(line);
            console.text(&lines.collect::<String>())?;
        }
        Ok(match explained.chosen {
            Some(_) => exit_code::SUCCESS,
            None => exit_code::FAILED,
        })
    }

    /// Reports variables that are not set, and keeps secret values out of a recording.
    pub(crate) fn report(&self, console: Console, client: &Client) {
        let variables = self.variables.given();
        variables.report_missing(console);
        variables.hide_from(client);
    }

    /// The specification of the file. The options override its values.
    pub(crate) fn spec(&self, global: &Global) -> Result<EnvironmentSpec, CliError> {
        let mut spec = match &self.spec {
            Some(file) => spec_file::read(file)?,
            None => EnvironmentSpec::default(),
        };
        for (option, field) in [
            (&self.name, &mut spec.name),
            (&self.image, &mut spec.image),
            (&self.working_dir, &mut spec.working_dir),
            (&self.user, &mut spec.user),
        ] {
            if option.is_some() {
                field.clone_from(option);
            }
        }
        let text = |text: &Option<String>| text.as_deref().map(serde_json::Value::from);
        let signal = self.stop_signal.map(|one| one.name().into());
        for (engine, option, value) in [
            (registry::VIRTUALENV, "python", text(&self.python)),
            (registry::DOCKER, "platform", text(&self.platform)),
            (registry::DOCKER, "hostname", text(&self.hostname)),
            (registry::DOCKER, "init", self.init.then(|| true.into())),
            (registry::DOCKER, "stop_signal", signal),
        ] {
            let Some(value) = value else { continue };
            let options = spec.engine_options.entry(engine.to_owned());
            let options = options.or_insert_with(|| serde_json::json!({}));
            // The engine rejects every value that is not an object.
            if let Some(options) = options.as_object_mut() {
                options.insert(option.to_owned(), value);
            }
        }
        spec.env.extend(self.variables.given().values());
        let mounts = self.volume.iter().chain(&self.mount).chain(&self.tmpfs);
        spec.mounts.extend(mounts.cloned());
        spec.copies.extend(self.copy.iter().cloned());
        self.limits.fill(&mut spec.limits);
        self.creation_limits.fill(&mut spec.limits);
        self.security.fill(&mut spec.security);
        self.supervision.fill(&mut spec);
        self.network.fill(&mut spec.network);
        spec.labels.extend(self.label.iter().cloned());
        match self.wait_for.as_slice() {
            [] => {}
            [one] => spec.ready = Some(one.clone().into()),
            all => spec.ready = Some(WaitFor::All(all.to_vec()).into()),
        }
        if let Some(ready) = &mut spec.ready {
            ready.timeout = self.wait_timeout.or(ready.timeout);
        }
        if let Some(required) = &self.require {
            spec.isolation = required.isolation.or(spec.isolation);
            spec.require.extend(&required.features);
        }
        global.settings.config().fill_spec(&mut spec);
        Ok(spec)
    }
}
