//! The needs of a virtual environment outside of it: sources of editable installs, paths and
//! code of `.pth` files, its base interpreter.

use std::fs;
use std::path::{Path, PathBuf};

use super::pyvenv_cfg::PyvenvCfg;
use crate::error::{Error, Result};
use crate::snapshots::LeftOut;

/// The largest `.pth` file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Files of tools whose code names nothing outside.
const KNOWN: [&str; 2] = ["distutils-precedence.pth", "_virtualenv.pth"];

/// The needs of a virtual environment on this machine. This blocks.
pub(super) fn of(environment: &Path) -> Result<Vec<LeftOut>> {
    let mut found = Vec::new();
    let base = fs::canonicalize(environment.join("bin/python")).ok();
    if let Some(base) = base.or(PyvenvCfg::read(environment)?.home()) {
        let what = format!("the base interpreter {}", base.display());
        found.push(LeftOut::new(
            what,
            "it belongs to this machine, and must be there at the restore",
        ));
    }
    let root = environment.parent().unwrap_or(environment);
    for version in entries(&environment.join("lib"))? {
        let packages = version.join("site-packages");
        if !packages.is_dir() {
            continue;
        }
        for path in entries(&packages)? {
            let end = path.extension().and_then(|end| end.to_str());
            if matches!(end, Some("pth" | "egg-link")) {
                lines(&path, &packages, root, &mut found)?;
            }
        }
    }
    Ok(found)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io("list", directory, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The lines of a file that name what is outside, and those that are code.
fn lines(file: &Path, packages: &Path, root: &Path, found: &mut Vec<LeftOut>) -> Result<()> {
    let size = file.metadata().map_err(|e| Error::io("read", file, e))?.len();
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if size > LARGEST {
        let what = format!("what {name} names");
        found.push(LeftOut::new(what, "the file is too large to be read"));
        return Ok(());
    }
    let text = fs::read(file).map_err(|e| Error::io("read", file, e))?;
    for line in String::from_utf8_lossy(&text).lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') || line == "." || line == "../" {
            continue;
        }
        if line.starts_with("import ") || line.starts_with("import\t") {
            if !KNOWN.contains(&name.as_str()) {
                let what = format!("what the code in {name} needs");
                found.push(LeftOut::new(
                    what,
                    "it runs whenever Python starts, and may name anything",
                ));
            }
            continue;
        }
        let path = packages.join(line);
        if !path.starts_with(root) {
            let what = format!("{} ({name})", path.display());
            found.push(LeftOut::new(
                what,
                "it is outside of the environment, which imports from it",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_outside_are_listed() {
        let root = tempfile::tempdir().unwrap();
        let environment = root.path().join(".venv");
        let packages = environment.join("lib/python3.11/site-packages");
        fs::create_dir_all(&packages).unwrap();
        fs::write(environment.join("pyvenv.cfg"), "home = /no/such/bin\n").unwrap();
        let inside = root.path().join("src");
        let text = format!("{}\n/opt/project/src\nimport my_hook\n# no\n", inside.display());
        fs::write(packages.join("editable.pth"), text).unwrap();
        fs::write(packages.join("distutils-precedence.pth"), "import os; os\n").unwrap();
        let large = fs::File::create(packages.join("large.egg-link")).unwrap();
        large.set_len(LARGEST + 1).unwrap();
        let shown: Vec<String> = of(&environment)
            .unwrap()
            .into_iter()
            .map(|left| left.what)
            .collect();
        let expected = [
            "the base interpreter /no/such/bin",
            "/opt/project/src (editable.pth)",
            "what the code in editable.pth needs",
            "what large.egg-link names",
        ];
        assert_eq!(shown, expected);
    }
}
