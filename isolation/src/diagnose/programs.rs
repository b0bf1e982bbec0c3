//! Recognises programs that cannot be run, by the error of the daemon and the file of the program.

use super::{Diagnosis, Evidence, LikelyCause, ProgramFile};

/// The exit codes of a shell for a program that cannot be run, and for one that does not exist.
const NOT_RUN: [i32; 2] = [126, 127];

const EXECUTABLE: u32 = 0o111;

/// The messages of daemons and runtimes about a program that they cannot run.
const MISSING: [&str; 4] = [
    "executable file not found",
    "executable file `",
    "does not exist in the container",
    "contains no `sh`",
];
const EXEC: [&str; 7] = [
    "exec format error",
    "exec: \"",
    "exec /",
    "is not executable",
    "no such file or directory: oci runtime",
    "permission denied: oci",
    "crun: ",
];

/// The messages of loaders, which end a program with the exit code of a missing one.
pub(super) const LOADER: [&str; 3] = [
    "error while loading shared libraries",
    "error loading shared library",
    "error relocating",
];

/// Recognises a cause by the error of a start.
pub(super) fn by_error(evidence: &Evidence) -> Option<Diagnosis> {
    let about = |texts: &[&str]| {
        let is_it = |line: &&String| {
            let line = line.to_lowercase();
            texts.iter().any(|text| line.contains(text))
        };
        evidence.error.iter().rfind(is_it)
    };
    let others = [
        "chdir",
        "cwd",
        "unable to find user",
        "mount",
        "no space left",
        "bind for",
        "rlimit",
        "resource temporarily unavailable",
        "device",
        "/proc/sys",
        "sysctl",
    ];
    if about(&others).is_some() {
        return None;
    }
    if let Some(line) = about(&MISSING) {
        // If the interpreter of a script is missing, the script itself is reported as missing.
        let file = evidence.program.as_ref().and_then(|file| of_file(evidence, file));
        return Some(file.unwrap_or_else(|| Diagnosis::new(LikelyCause::ProgramMissing, line)));
    }
    let line = about(&EXEC)?;
    Some(of_line(evidence, line))
}

/// Recognises a cause by the exit code of a command or main process, and by the message of a shell.
pub(super) fn by_output(evidence: &Evidence) -> Option<Diagnosis> {
    let exit = evidence.ended()?;
    if exit.success() {
        return None;
    }
    let of_loader = |line: &&str| LOADER.iter().any(|text| line.to_lowercase().contains(text));
    if let Some(line) = evidence
        .output()
        .flat_map(|text| text.lines())
        .filter(of_loader)
        .last()
    {
        return Some(Diagnosis::new(LikelyCause::LibraryMissing, line.trim()));
    }
    let words = [
        "not found",
        "no such file",
        "permission denied",
        "exec format error",
        "cannot execute",
    ];
    let about = |line: &&str| {
        let line = line.to_lowercase();
        words.iter().any(|word| line.contains(word))
    };
    let lines = evidence.output().flat_map(|text| text.lines());
    let line = lines.filter(about).last();
    if !NOT_RUN.contains(&exit.code) {
        // The runtime starts the program, and has no other way to report the error.
        let line = line.filter(|line| line.to_lowercase().contains("exec format error"))?;
        return Some(of_line(evidence, line));
    }
    let program = evidence.failed_program().unwrap_or("the program");
    let text = match line {
        Some(line) => line.trim().to_owned(),
        None => format!("{program} ended with {exit}"),
    };
    if exit.code == 127 && evidence.program.is_none() {
        return Some(Diagnosis::new(LikelyCause::ProgramMissing, text));
    }
    Some(of_line(evidence, &text))
}

fn of_line(evidence: &Evidence, line: &str) -> Diagnosis {
    if let Some(found) = evidence.program.as_ref().and_then(|file| of_file(evidence, file)) {
        let mut found = found;
        found.because.insert(0, line.trim().to_owned());
        return found;
    }
    let lower = line.to_lowercase();
    let cause = if lower.contains("exec format error") {
        match differs(evidence) {
            true => LikelyCause::WrongPlatform,
            false => LikelyCause::InterpreterMissing,
        }
    } else if lower.contains("permission denied") || lower.contains("not executable") {
        LikelyCause::ProgramNotExecutable
    } else {
        LikelyCause::ProgramMissing
    };
    Diagnosis::new(cause, line.trim())
}

fn differs(evidence: &Evidence) -> bool {
    evidence
        .platforms
        .as_ref()
        .is_some_and(|platforms| platforms.image != platforms.machine)
}

/// Recognises a cause by the file of the program, which exists.
fn of_file(evidence: &Evidence, file: &ProgramFile) -> Option<Diagnosis> {
    let path = &file.path;
    if file.mode & EXECUTABLE == 0 {
        let text = format!("{path} has the mode {:o}", file.mode);
        return Some(Diagnosis::new(LikelyCause::ProgramNotExecutable, text));
    }
    let head = &file.head;
    if head.starts_with("\u{7f}ELF") {
        return Some(match differs(evidence) {
            true => {
                let platforms = evidence.platforms.as_ref();
                let text = platforms
                    .map(|both| format!("the image is for {}, the machine is {}", both.image, both.machine));
                Diagnosis::new(LikelyCause::WrongPlatform, text.unwrap_or_default())
            }
            false if is_of_another_machine(evidence, head) => Diagnosis::new(
                LikelyCause::WrongPlatform,
                format!("{path} is for another architecture"),
            ),
            false => Diagnosis::new(
                LikelyCause::LibraryMissing,
                format!("{path} exists, but not its loader"),
            ),
        });
    }
    let first = head.split('\n').next().unwrap_or_default();
    let shown = first.trim_end_matches('\r');
    if first.starts_with("#!") && first.ends_with('\r') {
        let text = format!("the first line of {path} is {:?}", format!("{shown}\r"));
        return Some(Diagnosis::new(LikelyCause::CarriageReturn, text));
    }
    let text = match first.starts_with("#!") {
        true => format!("the first line of {path} is {shown}"),
        false => format!("{path} is not a program, and its first line names no interpreter: {shown}"),
    };
    Some(Diagnosis::new(LikelyCause::InterpreterMissing, text))
}

/// Whether the header of an ELF file names another architecture than the machine has.
fn is_of_another_machine(evidence: &Evidence, head: &str) -> bool {
    // The machine is in bytes 18 and 19. They are ASCII, or 0xb7 for arm64, which is not valid in a
    // text.
    let code = head.chars().nth(18);
    let Some(platforms) = &evidence.platforms else {
        return false;
    };
    let expected = match platforms.machine.rsplit('/').next() {
        Some("amd64") => '\u{3e}',
        Some("386") => '\u{3}',
        Some("arm64") => char::REPLACEMENT_CHARACTER,
        Some("riscv64") => char::REPLACEMENT_CHARACTER,
        _ => return false,
    };
    code.is_some_and(|code| code != expected)
}
