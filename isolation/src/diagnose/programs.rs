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
    // The machine is in bytes 18 and 19. They are ASCII, or 0xb7 for arm64 and 0xf3 for riscv64,
    // which are not valid in a text.
    let code = head.chars().nth(18);
    let Some(platforms) = &evidence.platforms else {
        return false;
    };
    let expected = match platforms.machine.rsplit('/').next() {
        Some("amd64") => '\u{3e}',
        Some("386") => '\u{3}',
        Some("arm64" | "riscv64") => char::REPLACEMENT_CHARACTER,
        _ => return false,
    };
    code.is_some_and(|code| code != expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::exit_status::ExitStatus;
    use crate::diagnose::{FailedCommand, Platforms};

    /// The head of a program of this machine code, as text: an invalid byte is replaced.
    fn elf(code: char) -> String {
        format!("\u{7f}ELF{}{code}\0", "\u{1}".repeat(14))
    }

    fn of_program(head: &str, mode: u32, machine: &str) -> Evidence {
        Evidence {
            error: vec!["exec /bin/tool: no such file or directory".to_owned()],
            program: Some(ProgramFile {
                path: "/bin/tool".to_owned(),
                mode,
                head: head.to_owned(),
            }),
            platforms: Some(Platforms {
                image: machine.to_owned(),
                machine: machine.to_owned(),
            }),
            ..Evidence::default()
        }
    }

    #[test]
    fn program_of_another_machine_is_known_by_its_head() {
        for (machine, code, cause) in [
            ("linux/amd64", '\u{3e}', LikelyCause::LibraryMissing),
            (
                "linux/amd64",
                char::REPLACEMENT_CHARACTER,
                LikelyCause::WrongPlatform,
            ),
            ("linux/386", '\u{3}', LikelyCause::LibraryMissing),
            ("linux/386", '\u{3e}', LikelyCause::WrongPlatform),
            (
                "linux/arm64",
                char::REPLACEMENT_CHARACTER,
                LikelyCause::LibraryMissing,
            ),
            ("linux/arm64", '\u{3e}', LikelyCause::WrongPlatform),
            ("linux/riscv64", '\u{3}', LikelyCause::WrongPlatform),
            ("linux/s390x", '\u{3e}', LikelyCause::LibraryMissing),
        ] {
            let evidence = of_program(&elf(code), 0o755, machine);
            let found = by_error(&evidence).unwrap();
            assert_eq!(found.cause, cause, "{machine} {code:?}: {found:?}");
        }
        let mut unknown = of_program(&elf('\u{3e}'), 0o755, "linux/386");
        unknown.platforms = None;
        assert_eq!(by_error(&unknown).unwrap().cause, LikelyCause::LibraryMissing);
    }

    #[test]
    fn file_of_a_program_names_the_cause() {
        for (head, mode, cause, word) in [
            (
                "#!/bin/sh\n",
                0o644,
                LikelyCause::ProgramNotExecutable,
                "has the mode 644",
            ),
            ("#!/bin/sh\r\n", 0o755, LikelyCause::CarriageReturn, "\\r"),
            (
                "#!/no/such\n",
                0o755,
                LikelyCause::InterpreterMissing,
                "is #!/no/such",
            ),
            (
                "echo hello\n",
                0o755,
                LikelyCause::InterpreterMissing,
                "names no interpreter: echo hello",
            ),
        ] {
            let found = by_error(&of_program(head, mode, "linux/amd64")).unwrap();
            assert_eq!(found.cause, cause, "{head:?}: {found:?}");
            assert!(
                found.because.iter().any(|line| line.contains(word)),
                "{head:?}: {found:?}"
            );
        }
        let mut several = of_program("#!/bin/sh\n", 0o755, "linux/amd64");
        several.error = vec!["no space left on device: exec /bin/tool".to_owned()];
        assert_eq!(by_error(&several), None, "the program is not the cause");
    }

    #[test]
    fn exit_code_of_a_shell_names_the_program() {
        let ended = |code: i32, line: &str| {
            by_output(&Evidence {
                command: Some(FailedCommand {
                    argv: vec!["tool".to_owned()],
                    exit: ExitStatus::from_code(code),
                    output: vec![line.to_owned()],
                }),
                ..Evidence::default()
            })
        };
        let cause = |code, line| ended(code, line).map(|found| found.cause);
        assert_eq!(cause(0, "sh: tool: not found"), None);
        assert_eq!(cause(1, "sh: tool: not found"), None);
        assert_eq!(
            cause(127, "sh: tool: not found"),
            Some(LikelyCause::ProgramMissing)
        );
        assert_eq!(
            cause(126, "sh: tool: Permission denied"),
            Some(LikelyCause::ProgramNotExecutable)
        );
        assert_eq!(
            cause(1, "tool: exec format error"),
            Some(LikelyCause::InterpreterMissing)
        );
        assert_eq!(cause(126, ""), Some(LikelyCause::ProgramMissing));
        let loader = "tool: error while loading shared libraries: libx.so: cannot open";
        assert_eq!(cause(127, loader), Some(LikelyCause::LibraryMissing));
        let silent = ended(127, "").unwrap();
        assert!(silent.because[0].contains("tool ended with"), "{silent:?}");
    }

    #[test]
    fn program_that_the_kernel_cannot_run_has_two_causes() {
        let of = |image: &str| {
            let platforms = Platforms {
                image: image.to_owned(),
                machine: "linux/amd64".to_owned(),
            };
            let evidence = Evidence {
                platforms: Some(platforms),
                ..Evidence::default()
            };
            of_line(&evidence, " exec /bin/tool: Exec format error\n")
        };
        for (image, cause) in [
            ("linux/arm64", LikelyCause::WrongPlatform),
            // The kernel knows its machine code, and not the interpreter that it names.
            ("linux/amd64", LikelyCause::InterpreterMissing),
        ] {
            let found = of(image);
            assert_eq!(found.cause, cause, "{image}");
            assert_eq!(found.because, ["exec /bin/tool: Exec format error"]);
        }
    }
}
