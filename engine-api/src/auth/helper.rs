//! Credential helpers: the programs `docker-credential-NAME` that store credentials.
//!
//! The standard library runs them, in a thread for blocking work. Tokio's `process` feature would
//! add a crate for programs that exit quickly.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::RegistryAuth;
use crate::wire::json;

/// The timeout of a helper. Some helpers wait for a user to unlock a key ring.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The output of a helper that has no credentials for a registry; it then fails.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name that marks a secret as an identity token.
const TOKEN: &str = "<token>";
/// The longest output of a helper, in bytes.
const LONGEST_OUTPUT: u64 = 64 * 1024;
/// The longest standard error that is read, in bytes. The rest is discarded.
const LONGEST_REASON: u64 = 4 * 1024;
/// The interval of checks whether a helper has exited, after it has closed its output.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The reply of a helper.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Reply {
    username: String,
    secret: String,
}

/// Asks a helper for a registry's credentials; blocks up to the timeout.
///
/// `Ok(None)` if the helper has no credentials for the registry. The error is the reason of a
/// failure.
pub(super) fn get(name: &str, registry: &str, timeout: Duration) -> Result<Option<RegistryAuth>, String> {
    get_from(&program(name)?, registry, timeout)
}

/// Asks a helper for its registries; blocks up to the timeout.
pub(super) fn list(name: &str, timeout: Duration) -> Result<Vec<String>, String> {
    list_from(&program(name)?, timeout)
}

/// Stores credentials in a helper; blocks up to the timeout.
pub(super) fn store(
    name: &str,
    registry: &str,
    auth: &RegistryAuth,
    timeout: Duration,
) -> Result<(), String> {
    store_in(&program(name)?, registry, auth, timeout)
}

/// Erases the credentials of a registry; returns whether there were any. Blocks up to the timeout.
pub(super) fn erase(name: &str, registry: &str, timeout: Duration) -> Result<bool, String> {
    erase_in(&program(name)?, registry, timeout)
}

/// The program of a helper. A name is not a path, so the configuration cannot select another
/// program.
fn program(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.chars().all(plain) {
        return Err(format!("invalid name of a credential helper: {name:?}"));
    }
    Ok(format!("docker-credential-{name}"))
}

/// [`get`] with the program's name or path.
pub(super) fn get_from(
    program: &str,
    registry: &str,
    timeout: Duration,
) -> Result<Option<RegistryAuth>, String> {
    let output = run(program, "get", registry, timeout)?;
    if output.status.success() {
        // The output is not shown: it contains a secret.
        let reply: Reply = json::decode(&output.stdout).map_err(|_| format!("{program}: invalid reply"))?;
        return Ok(credentials(reply, registry));
    }
    if String::from_utf8_lossy(&output.stdout).contains(NOT_FOUND) {
        return Ok(None);
    }
    Err(failure(program, &output))
}

/// [`list`] with the program's name or path.
pub(super) fn list_from(program: &str, timeout: Duration) -> Result<Vec<String>, String> {
    let output = run(program, "list", "", timeout)?;
    if !output.status.success() {
        return Err(failure(program, &output));
    }
    let users: BTreeMap<String, IgnoredAny> =
        json::decode(&output.stdout).map_err(|_| format!("{program}: invalid list"))?;
    Ok(users.into_keys().collect())
}

/// [`store`] with the program's name or path.
pub(super) fn store_in(
    program: &str,
    registry: &str,
    auth: &RegistryAuth,
    timeout: Duration,
) -> Result<(), String> {
    let (user, secret) = match auth.identity_token.as_str() {
        "" => (auth.username.as_str(), auth.password.as_str()),
        token => (TOKEN, token),
    };
    let input = serde_json::json!({"ServerURL": registry, "Username": user, "Secret": secret});
    // The secret is written to standard input, so that no command line contains it.
    let output = run(program, "store", &input.to_string(), timeout)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failure(program, &output)),
    }
}

/// [`erase`] with the program's name or path.
pub(super) fn erase_in(program: &str, registry: &str, timeout: Duration) -> Result<bool, String> {
    let output = run(program, "erase", registry, timeout)?;
    let missing = String::from_utf8_lossy(&output.stdout).contains(NOT_FOUND);
    match output.status.success() {
        true => Ok(true),
        false if missing => Ok(false),
        false => Err(failure(program, &output)),
    }
}

/// The reason of a failure: the helper's own error message, if it has one, and its exit code.
fn failure(program: &str, output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    // Helpers report errors on either stream. JSON on standard output may contain a secret.
    let words = [stdout.trim(), stderr.trim()]
        .into_iter()
        .find(|text| !text.is_empty() && !text.contains('{'));
    let words = words.unwrap_or_default().chars();
    let reason: String = words
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect();
    match (output.status.code(), reason.as_str()) {
        (Some(code), "") => format!("{program} failed with exit code {code}"),
        (Some(code), reason) => format!("{program} failed with exit code {code}: {reason}"),
        (None, "") => format!("{program} was killed by a signal"),
        (None, reason) => format!("{program} was killed by a signal: {reason}"),
    }
}

fn credentials(reply: Reply, registry: &str) -> Option<RegistryAuth> {
    if reply.secret.is_empty() {
        return None;
    }
    let mut auth = match reply.username.as_str() {
        TOKEN => RegistryAuth {
            identity_token: reply.secret,
            ..RegistryAuth::default()
        },
        user => RegistryAuth::user(user, reply.secret),
    };
    auth.server_address = registry.to_owned();
    Some(auth)
}

/// The exit status of a helper, and its output.
struct Output {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Runs a program with a verb. It is killed if it does not exit within the timeout.
fn run(program: &str, verb: &str, input: &str, timeout: Duration) -> Result<Output, String> {
    let mut child = Command::new(program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    let outcome = collect(&mut child, input, timeout);
    if outcome.is_err() {
        // Both calls fail only if the helper has already exited.
        drop(child.kill());
        drop(child.wait());
    }
    outcome.map_err(|reason| format!("{program} {reason}"))
}

/// Writes the helper's input, reads its output and waits until it exits.
fn collect(child: &mut Child, input: &str, timeout: Duration) -> Result<Output, String> {
    let deadline = Instant::now() + timeout;
    let left = || deadline.saturating_duration_since(Instant::now());
    let stdout = child.stdout.take().map(|pipe| read(pipe, LONGEST_OUTPUT + 1));
    let stderr = child.stderr.take().map(|pipe| read(pipe, LONGEST_REASON));
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input reports the reason itself.
        drop(stdin.write_all(input.as_bytes()));
    }
    let stdout = stdout.and_then(|output| output.recv_timeout(left()).ok());
    let stdout = stdout.ok_or_else(|| format!("did not answer within {timeout:?}"))?;
    if stdout.len() as u64 > LONGEST_OUTPUT {
        return Err(format!("printed more than {LONGEST_OUTPUT} bytes"));
    }
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if left().is_zero() => return Err(format!("did not exit within {timeout:?}")),
            Ok(None) => thread::sleep(POLL_INTERVAL),
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    };
    // A process that the helper has started may keep standard error open. Then the reason is
    // missing.
    let stderr = stderr.and_then(|output| output.recv_timeout(left().min(TIMEOUT / 50)).ok());
    Ok(Output {
        status,
        stdout,
        stderr: stderr.unwrap_or_default(),
    })
}

/// Reads a pipe to its end in its own thread, and keeps the first `most` bytes.
///
/// The thread is not joined: a process that the helper has started may keep the pipe open forever.
fn read(mut pipe: impl Read + Send + 'static, most: u64) -> Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        // A read error ends the output, like the end of the pipe.
        drop(pipe.by_ref().take(most).read_to_end(&mut kept));
        // The send fails after the timeout, because the receiver was dropped.
        drop(send.send(kept));
        // A helper that prints more must not block.
        drop(io::copy(&mut pipe, &mut io::sink()));
    });
    receive
}
