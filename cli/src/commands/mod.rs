//! The commands, one file or directory each.

mod api;
mod bundle;
mod command_options;
mod completions;
mod config;
mod cp;
mod create;
mod creation_options;
mod doctor;
mod down;
mod engines;
mod environment_options;
mod events;
mod exec;
mod fixtures;
mod fork;
mod gc;
mod group_file;
mod group_logs;
mod image;
mod inspect;
mod kill;
mod lifted_limits; // default limits that options switch off
mod limit_options;
mod lock;
mod lock_options;
mod log_printer;
mod login;
mod logout;
mod logs;
mod ls;
mod man;
#[cfg(unix)]
mod migrate;
mod mount;
mod network;
mod network_options;
mod packages;
mod pause;
mod port;
mod pull_progress;
#[cfg(unix)]
mod reaper;
mod rename;
#[cfg(unix)]
mod repair;
mod restart;
mod rm;
mod run;
mod security_options;
mod serve;
mod shell;
#[cfg(unix)]
mod snapshot;
mod spec_file;
mod start;
mod stats;
mod stop;
mod stream;
mod supervision_options;
mod top;
mod unpause;
mod up;
mod update;
mod variables;
mod volume;
mod volume_option;
mod wait;
mod with_session; // a command with its client, or with its manager

use clap::Subcommand;

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;
use crate::session::Session;
use crate::signals;
use with_session::{changes_this_machine, with_client, with_session};

/// The state that an interrupted command on several environments leaves.
const UNTOUCHED: &str = "the environments that are not listed are as before; give the command again";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<run::Run>),
    Create(Box<create::Create>),
    Start(start::Start),
    Up(up::Up),
    Down(down::Down),
    Exec(exec::Exec),
    Shell(Box<shell::Shell>),
    Cp(cp::Cp),
    Stop(stop::Stop),
    Restart(restart::Restart),
    Kill(kill::Kill),
    Pause(pause::Pause),
    Unpause(unpause::Unpause),
    Rename(rename::Rename),
    #[cfg(unix)]
    Repair(repair::Repair),
    Update(update::Update),
    Top(top::Top),
    Wait(wait::Wait),
    Logs(logs::Logs),
    Port(port::Port),
    Packages(Box<packages::Packages>),
    Lock(lock::Lock),
    Stats(stats::Stats),
    Bundle(bundle::Bundle),
    #[cfg(unix)]
    Snapshot(Box<snapshot::Snapshot>),
    Fork(fork::Fork),
    #[cfg(unix)]
    Migrate(Box<migrate::Migrate>),
    Rm(rm::Rm),
    Ls(ls::Ls),
    Build(Box<image::build::Build>),
    Image(image::Image),
    Login(login::Login),
    Logout(logout::Logout),
    Gc(gc::Gc),
    Inspect(inspect::Inspect),
    Events(events::Events),
    Network(network::Network),
    Volume(volume::Volume),
    Config(config::Config),
    Doctor(doctor::Doctor),
    Engines(engines::Engines),
    Serve(serve::Serve),
    Api(api::Api),
    Fixtures(fixtures::Fixtures),
    Completions(completions::Completions),
    Man(man::Man),
    #[cfg(unix)]
    #[command(hide = true)]
    Reaper(reaper::Reaper),
}

impl Command {
    /// Whether the configuration has an effect on this command.
    pub(crate) fn is_configured(&self) -> bool {
        match self {
            Self::Completions(_) | Self::Man(_) => false,
            Self::Config(config) => config.is_configured(),
            // The owner may have run in another directory. The journal contains the addresses of
            // the daemons.
            #[cfg(unix)]
            Self::Reaper(_) => false,
            _ => true,
        }
    }
}

/// Runs a command; returns the exit code, or the error. `cli` is the definition of the whole
/// command line, from which completions and manual pages are generated.
pub(crate) async fn run(
    command: &Command,
    global: &Global,
    cli: clap::Command,
    console: Console,
) -> Result<u8, CliError> {
    match command {
        Command::Run(run) => {
            run.check(global)?;
            let work = async |client: &Client| Box::pin(run.run(global, client, console)).await;
            with_client(global, console, work).await
        }
        Command::Create(create) => {
            create.check(global)?;
            let work = async |client: &Client| Box::pin(create.run(global, client, console)).await;
            with_client(global, console, work).await
        }
        Command::Start(start) => {
            let work = async |session: &Session| {
                signals::interruptible(
                    console,
                    "`isolate ls` shows what was started",
                    Box::pin(start.run(session, console)),
                )
                .await
            };
            with_session(global, console, work).await
        }
        Command::Exec(exec) => {
            exec.check(global)?;
            let work = async |client: &Client| Box::pin(exec.run(global, client, console)).await;
            with_client(global, console, work).await
        }
        Command::Shell(shell) => {
            shell.check(global)?;
            let work = async |client: &Client| Box::pin(shell.run(global, client, console)).await;
            with_client(global, console, work).await
        }
        Command::Cp(cp) => {
            cp.check()?;
            let work = async |session: &Session| Box::pin(cp.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Stop(stop) => {
            let work = async |session: &Session| {
                signals::interruptible(console, UNTOUCHED, Box::pin(stop.run(session, console))).await
            };
            with_session(global, console, work).await
        }
        Command::Restart(restart) => {
            let work = async |session: &Session| {
                signals::interruptible(console, UNTOUCHED, Box::pin(restart.run(session, console))).await
            };
            with_session(global, console, work).await
        }
        Command::Kill(kill) => {
            let work = async |session: &Session| Box::pin(kill.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Pause(pause) => {
            let work = async |session: &Session| Box::pin(pause.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Unpause(unpause) => {
            let work = async |session: &Session| Box::pin(unpause.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Rename(rename) => {
            let work = async |session: &Session| Box::pin(rename.run(session)).await;
            with_session(global, console, work).await
        }
        #[cfg(unix)]
        Command::Repair(repair) => {
            let work = async |session: &Session| Box::pin(repair.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Update(update) => {
            let work = async |session: &Session| Box::pin(update.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Top(top) => {
            let work = async |session: &Session| Box::pin(top.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Up(up) => {
            let work = async |client: &Client| Box::pin(up.run(global, client, console)).await;
            with_client(global, console, work).await
        }
        Command::Down(down) => {
            let work = async |session: &Session| {
                signals::interruptible(
                    console,
                    "a part of the group stays; `isolate down` removes it",
                    Box::pin(down.run(session, console)),
                )
                .await
            };
            with_session(global, console, work).await
        }
        Command::Wait(wait) => {
            let work = async |session: &Session| Box::pin(wait.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Logs(logs) => {
            let work = async |session: &Session| Box::pin(logs.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Port(port) => {
            let work = async |session: &Session| Box::pin(port.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Packages(packages) => {
            let work = async |session: &Session| Box::pin(packages.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Lock(lock) => {
            let work = async |session: &Session| Box::pin(lock.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Stats(stats) => {
            let work = async |session: &Session| Box::pin(stats.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Bundle(bundle) => {
            let work = async |session: &Session| Box::pin(bundle.run(session, console)).await;
            with_session(global, console, work).await
        }
        #[cfg(unix)]
        Command::Snapshot(snapshot) => {
            let work = async |session: &Session| Box::pin(snapshot.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Fork(fork) => {
            let work = async |session: &Session| Box::pin(fork.run(session, console)).await;
            with_session(global, console, work).await
        }
        #[cfg(unix)]
        Command::Migrate(migrate) => {
            let work = async |session: &Session| Box::pin(migrate.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Rm(rm) => {
            let work = async |session: &Session| {
                signals::interruptible(console, UNTOUCHED, Box::pin(rm.run(session, console))).await
            };
            with_session(global, console, work).await
        }
        Command::Inspect(inspect) => {
            let work = async |session: &Session| Box::pin(inspect.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Events(events) => {
            let work = async |session: &Session| {
                signals::interruptible(console, "", Box::pin(events.run(session, console))).await
            };
            with_session(global, console, work).await
        }
        Command::Network(network) => {
            let work = async |session: &Session| Box::pin(network.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Volume(volume) => {
            let work = async |session: &Session| Box::pin(volume.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Ls(ls) => {
            let work = async |session: &Session| Box::pin(ls.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Build(build) => {
            let work = async |session: &Session| {
                // A signal drops the call, and the daemon then cancels it.
                signals::interruptible(
                    console,
                    "no image was built",
                    Box::pin(build.run(session, console)),
                )
                .await
            };
            with_session(global, console, work).await
        }
        Command::Image(image) => {
            image.check()?;
            let work = async |session: &Session| Box::pin(image.run(session, console)).await;
            with_session(global, console, work).await
        }
        Command::Login(login) => {
            changes_this_machine(global)?;
            // A signal restores the terminal.
            let work = async |client: &Client| {
                signals::interruptible(console, "", Box::pin(login.run(client, console))).await
            };
            with_client(global, console, work).await
        }
        Command::Logout(logout) => {
            changes_this_machine(global)?;
            logout.run(console).await
        }
        Command::Gc(gc) => {
            let work = async |session: &Session| {
                signals::interruptible(
                    console,
                    "a part may stay; `isolate gc` removes it",
                    Box::pin(gc.run(session, console)),
                )
                .await
            };
            with_session(global, console, work).await
        }
        #[cfg(unix)]
        Command::Reaper(reaper) => {
            let work = async |client: &Client| Box::pin(reaper.run(global, client)).await;
            with_client(global, console, work).await
        }
        Command::Doctor(doctor) => {
            let work = async |client: &Client| Box::pin(doctor.run(global, client, console)).await;
            with_client(global, console, work).await
        }
        Command::Engines(engines) => {
            let work = async |client: &Client| Box::pin(engines.run(client, console)).await;
            with_client(global, console, work).await
        }
        Command::Serve(serve) => {
            let work = async |client: &Client| Box::pin(serve.run(global, client, console)).await;
            with_client(global, console, work).await
        }
        Command::Api(api) => {
            let work = async |client: &Client| Box::pin(api.run(client, console)).await;
            with_client(global, console, work).await
        }
        Command::Fixtures(fixtures) => Box::pin(fixtures.run(global, console)).await,
        Command::Config(config) => config.run(global, console),
        Command::Completions(completions) => completions.run(cli, console),
        Command::Man(man) => man.run(cli, console),
    }
}
