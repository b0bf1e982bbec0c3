//! Programs that keep credentials: `docker-credential-NAME`.
//!
//! They are asked through the standard library, in a thread for blocking work. Tokio could do it too,
//! but would bring one more crate for a program that is done in a moment.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::RegistryAuth;

/// A helper may take this long; some wait for somebody to unlock a key ring that nobody sees.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// What helpers print when they have nothing for a registry, and then fail.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user that marks a secret as an identity token.
const TOKEN: &str = "<token>";
/// More than this is no answer.
const LONGEST: u64 = 64 * 1024;

/// What a helper answers.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper for a registry's credentials; blocks up to `patience`. Says why it has none to give, if
/// the reason is not that there are none.
pub(super) fn ask(name: &str, registry: &str, patience: Duration) -> Result<Option<RegistryAuth>, String> {
    ask_program(&program(name)?, registry, patience)
}

/// Asks a helper which registries it has credentials for; blocks up to `patience`.
pub(super) fn list(name: &str, patience: Duration) -> Result<Vec<String>, String> {
    list_program(&program(name)?, patience)
}

/// The program of a helper. A name is not a path: the configuration does not say what else to run.
fn program(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.chars().all(plain) {
        return Err(format!("{name:?} is no name of a credential helper"));
    }
    Ok(format!("docker-credential-{name}"))
}

/// As [`ask`], with the program's name or path.
pub(super) fn ask_program(
    program: &str,
    registry: &str,
    patience: Duration,
) -> Result<Option<RegistryAuth>, String> {
    let (success, said) = run(program, "get", registry, patience)?;
    if success {
        // What it said is not shown: it holds a secret.
        let answer: Answer =
            serde_json::from_slice(&said).map_err(|_| format!("{program} answers what cannot be read"))?;
        return Ok(credentials(answer, registry));
    }
    if String::from_utf8_lossy(&said).contains(NOT_FOUND) {
        return Ok(None);
    }
    Err(failure(program, &said))
}

/// As [`list`], with the program's name or path.
pub(super) fn list_program(program: &str, patience: Duration) -> Result<Vec<String>, String> {
    let (success, said) = run(program, "list", "", patience)?;
    if !success {
        return Err(failure(program, &said));
    }
    let users: BTreeMap<String, IgnoredAny> =
        serde_json::from_slice(&said).map_err(|_| format!("{program} lists what cannot be read"))?;
    Ok(users.into_keys().collect())
}

fn failure(program: &str, said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let reason: String = said.trim().chars().take(200).collect();
    format!("{program} failed: {reason}")
}

fn credentials(answer: Answer, registry: &str) -> Option<RegistryAuth> {
    if answer.secret.is_empty() {
        return None;
    }
    let mut auth = match answer.username.as_str() {
        TOKEN => RegistryAuth {
            identity_token: answer.secret,
            ..RegistryAuth::default()
        },
        user => RegistryAuth::user(user, answer.secret),
    };
    auth.server_address = registry.to_owned();
    Some(auth)
}

/// Runs a program with a verb, and gives whether it succeeded and what it printed.
fn run(program: &str, verb: &str, input: &str, patience: Duration) -> Result<(bool, Vec<u8>), String> {
    let because = |why: String| format!("{program} {why}");
    let mut child = Command::new(program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| because(format!("cannot be run: {error}")))?;
    let said = talk(&mut child, input, patience);
    if said.is_none() {
        // It may have ended on its own by now.
        drop(child.kill());
    }
    let status = child
        .wait()
        .map_err(|error| because(format!("cannot be awaited: {error}")))?;
    match said {
        Some(said) => Ok((status.success(), said)),
        None => Err(because(format!("does not answer within {patience:?}"))),
    }
}

/// Gives the helper its input and reads what it prints; `None` when that takes too long.
fn talk(child: &mut Child, input: &str, patience: Duration) -> Option<Vec<u8>> {
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read has its reason, which it prints.
        drop(stdin.write_all(input.as_bytes()));
    }
    let stdout = child.stdout.take()?;
    let (send, receive) = mpsc::channel();
    // Not joined: what a helper has started may hold its output open for ever.
    thread::spawn(move || {
        let mut said = Vec::new();
        drop(stdout.take(LONGEST).read_to_end(&mut said));
        drop(send.send(said));
    });
    receive.recv_timeout(patience).ok()
}
