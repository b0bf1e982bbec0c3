//! The credential helper that the docker command chooses where its configuration names none.

use std::env::consts::EXE_SUFFIX;
use std::path::Path;

/// The helper of this platform, without `docker-credential-`, if `path`, the variable `PATH`, has
/// it: `osxkeychain`, `wincred`, and on Linux `pass` where the program `pass` is, else
/// `secretservice`.
pub(super) fn platform_helper(path: Option<&str>) -> Option<&'static str> {
    let path = path?;
    let name = match () {
        () if cfg!(target_os = "macos") => "osxkeychain",
        () if cfg!(windows) => "wincred",
        () if cfg!(target_os = "linux") && is_installed("pass", path) => "pass",
        () if cfg!(target_os = "linux") => "secretservice",
        () => return None,
    };
    is_installed(&format!("docker-credential-{name}"), path).then_some(name)
}

/// Whether a directory of `path` has the program. As for the docker command, relative directories
/// do not count: the working directory must not choose the program.
fn is_installed(program: &str, path: &str) -> bool {
    let file = format!("{program}{EXE_SUFFIX}");
    let mut directories = std::env::split_paths(path);
    directories.any(|directory| directory.is_absolute() && is_program(&directory.join(&file)))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let is = |metadata: std::fs::Metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    file.metadata().is_ok_and(is)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

#[cfg(target_os = "linux")]
#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A directory for `PATH` with programs that print nothing.
    pub(in crate::auth) fn with_programs(programs: &[&str]) -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().unwrap();
        for program in programs {
            let file = directory.path().join(program);
            fs::write(&file, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = directory.path().display().to_string();
        (directory, path)
    }

    #[test]
    fn helper_is_the_one_of_the_docker_command() {
        for (programs, expected) in [
            (&[][..], None),
            (&["pass"], None),
            (&["docker-credential-pass"], None),
            (&["docker-credential-pass", "pass"], Some("pass")),
            (&["docker-credential-secretservice"], Some("secretservice")),
            // Where `pass` is, the other one does not count.
            (&["docker-credential-secretservice", "pass"], None),
            (
                &["docker-credential-secretservice", "docker-credential-pass"],
                Some("secretservice"),
            ),
            (&["docker-credential-osxkeychain"], None),
        ] {
            let (_directory, path) = with_programs(programs);
            assert_eq!(platform_helper(Some(&path)), expected, "{programs:?}");
            let path = format!("/no/such/directory:{path}");
            assert_eq!(platform_helper(Some(&path)), expected, "{programs:?}");
        }
        assert_eq!(platform_helper(None), None);
    }

    #[test]
    fn files_that_are_no_programs_do_not_count() {
        let (directory, path) = with_programs(&["docker-credential-secretservice"]);
        let file = directory.path().join("docker-credential-secretservice");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(platform_helper(Some(&path)), None);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!(platform_helper(Some(&path)), None);
        assert_eq!(platform_helper(Some("")), None);
        assert!(!is_installed("Cargo.toml", "."), "a relative directory");
    }
}
