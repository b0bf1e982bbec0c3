//! Whether a program is machine code, seen from outside: a shell reads the first line of a file
//! byte by byte, and that of machine code is long.

use std::collections::BTreeMap;
use std::io::Read;

use super::first_process::Process;
use super::layout::Layout;
use super::open_root::OpenRoot;
use crate::files::dir::{Dir, Kind};
use crate::files::root;

/// The first bytes of machine code.
const MAGIC: &[u8] = b"\x7fELF";

/// Whether the first file of this name is machine code. `false` also if that is not known: then the
/// shell of the command looks at the file itself. The shell decides in any case which file it is,
/// and whether it may be executed.
pub(super) fn is_native(
    layout: &Layout,
    program: &str,
    variables: &BTreeMap<String, String>,
    working_dir: &str,
) -> bool {
    let path = variables.get("PATH").map_or("", String::as_str);
    look(layout, program, path, working_dir).unwrap_or(false)
}

fn look(layout: &Layout, program: &str, path: &str, working_dir: &str) -> Option<bool> {
    let process = Process::of(layout)?;
    let root = OpenRoot::of(process, layout.identity()).ok()?;
    let top = Dir::open_root(&root.path(), None).ok()?;
    if program.contains('/') {
        return starts_with_magic(&top, working_dir, program);
    }
    let mut directories = path.split(':').filter(|directory| directory.starts_with('/'));
    directories.find_map(|directory| starts_with_magic(&top, working_dir, &format!("{directory}/{program}")))
}

/// `None` if there is no such file.
fn starts_with_magic(top: &Dir, working_dir: &str, path: &str) -> Option<bool> {
    let place = root::place(top, working_dir, path, false).ok()?;
    let (directory, name) = place.parts();
    if directory.kind(name).ok()? != Some(Kind::File) {
        return None;
    }
    let mut first = [0; MAGIC.len()];
    let read = directory
        .file(name)
        .and_then(|mut file| file.read_exact(&mut first));
    Some(read.is_ok() && first == *MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_machine_code_is_native() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::create_dir(path.join("bin")).unwrap();
        fs::write(path.join("bin/tool"), b"\x7fELF\x02").unwrap();
        fs::write(path.join("bin/script"), "#!/bin/sh\n").unwrap();
        fs::write(path.join("bin/short"), "x").unwrap();
        symlink("/bin/tool", path.join("bin/link")).unwrap();
        symlink("/bin/none", path.join("bin/dangling")).unwrap();
        let top = Dir::open_root(path, None).unwrap();
        for (name, native) in [
            ("bin/tool", Some(true)),
            ("./link", Some(true)),
            ("/bin/script", Some(false)),
            ("/bin/short", Some(false)),
            ("/bin/dangling", None),
            ("/bin/none", None),
            ("/bin", None),
        ] {
            let working_dir = if name.starts_with('.') { "/bin" } else { "/" };
            assert_eq!(starts_with_magic(&top, working_dir, name), native, "{name}");
        }
    }
}
