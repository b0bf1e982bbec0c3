//! Recognises exits by a limit, by a signal, and with an exit code, and waits without an exit.

use super::{Diagnosis, Evidence, LikelyCause};
use crate::command::exit_status::ExitStatus;
use crate::diagnose::texts::is_of_a_wait;

/// Signals of a process that did something forbidden: ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS.
const CRASHES: [i32; 7] = [4, 5, 6, 7, 8, 11, 31];

/// The greatest number of a signal.
const SIGNALS: i32 = 64;

/// Recognises an enforced limit: the memory limit, a timeout.
pub(super) fn enforced(evidence: &Evidence) -> Option<Diagnosis> {
    let exit = evidence.ended();
    if exit.is_some_and(|exit| exit.oom || (evidence.out_of_memory && shows_kill(evidence, exit))) {
        let text = "the kernel has killed a process at the memory limit of the environment";
        return Some(Diagnosis::new(LikelyCause::OutOfMemory, text));
    }
    let exit = exit.filter(|exit| exit.timed_out)?;
    let program = evidence.failed_program().unwrap_or("the command");
    Some(Diagnosis::new(
        LikelyCause::TimedOut,
        format!("{program}: {exit}"),
    ))
}

/// Whether a failure shows that a process was killed: the failed one, or one of its children.
fn shows_kill(evidence: &Evidence, exit: ExitStatus) -> bool {
    // A shell reports the signal that has ended its child.
    let mut lines = evidence.output().flat_map(|text| text.lines());
    exit.code == 137 || (!exit.success() && lines.any(|line| line.contains("Killed")))
}

fn signal(exit: ExitStatus) -> Option<i32> {
    let by_code = (129..=128 + SIGNALS)
        .contains(&exit.code)
        .then(|| exit.code - 128);
    exit.signal.or(by_code)
}

/// Recognises a cause by the exit code.
pub(super) fn by_code(evidence: &Evidence) -> Option<Diagnosis> {
    let exit = evidence.ended()?;
    let program = evidence.failed_program().unwrap_or("the main process");
    let last = evidence
        .output()
        .last()
        .map(|line| format!("last output: {}", line.trim()));
    let text = match exit.success() {
        true => format!("{program} ended with exit code 0"),
        false => format!("{program}: {exit}"),
    };
    let cause = match signal(exit) {
        Some(signal) if CRASHES.contains(&signal) => LikelyCause::Crashed,
        Some(_) => LikelyCause::Killed,
        None if exit.success() => match evidence.error.iter().any(|line| is_of_a_wait(line)) {
            true => LikelyCause::EndedEarly,
            false => return None,
        },
        None => LikelyCause::ProgramFailed,
    };
    let mut found = Diagnosis::new(cause, text);
    found.because.extend(last);
    Some(found)
}

/// Recognises a wait that ended without an exit.
pub(super) fn never_ready(evidence: &Evidence) -> Option<Diagnosis> {
    let wait = evidence.error.iter().find(|line| is_of_a_wait(line));
    let check = evidence.checks.last();
    let fails = check.filter(|check| check.exit.is_none_or(|exit| !exit.success()));
    if let Some(check) = fails {
        let exit = check
            .exit
            .map_or("it could not be run".to_owned(), |exit| exit.to_string());
        let text = format!("the health check: {exit}: {}", check.output.trim());
        return Some(Diagnosis::new(LikelyCause::NeverHealthy, text));
    }
    wait.map(|line| Diagnosis::new(LikelyCause::NeverReady, line))
}
