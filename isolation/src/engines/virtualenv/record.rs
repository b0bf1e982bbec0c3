//! The file RECORD of installed packages: a line with digest and size for each file.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Writes the digests of changed files anew, so that the packages can be checked and removed.
/// `packages` is the directory of packages, `changed` are files; all are relative to the
/// environment.
pub(super) fn update(environment: &Path, packages: &Path, changed: &[PathBuf]) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let directory = environment.join(packages);
    let names: BTreeSet<&OsStr> = changed.iter().filter_map(|path| path.file_name()).collect();
    let may_be_changed = |file: &&str| {
        Path::new(file)
            .file_name()
            .is_some_and(|name| names.contains(name))
    };
    for entry in fs::read_dir(&directory).map_err(|e| Error::io("list", &directory, e))? {
        let entry = entry.map_err(|e| Error::io("list", &directory, e))?;
        let path = entry.path().join("RECORD");
        let is_package = entry.path().extension().is_some_and(|end| end == "dist-info");
        if !is_package || !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        let mut new = String::with_capacity(text.len());
        for line in text.lines() {
            let file = file_of(line).filter(may_be_changed);
            match file.and_then(|file| normal(&packages.join(file))) {
                Some(file) if changed.contains(&file) => {
                    new.push_str(&line_for(line, &environment.join(file))?)
                }
                _ => new.push_str(line),
            }
            new.push('\n');
        }
        if new.trim_end() != text.trim_end() {
            fs::write(&path, new).map_err(|e| Error::io("write", &path, e))?;
        }
    }
    Ok(())
}

/// The file of a line. A quoted name holds a comma or a quote, as no script has one.
fn file_of(line: &str) -> Option<&str> {
    let (file, _) = line.split_once(',')?;
    (!file.starts_with('"')).then_some(file)
}

/// A relative path without `..`; `None` if it leads out.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut parts: Vec<_> = Vec::new();
    for part in path.components() {
        match part {
            std::path::Component::Normal(name) => parts.push(name),
            std::path::Component::ParentDir => {
                parts.pop()?;
            }
            std::path::Component::CurDir => {}
            _ => return None,
        }
    }
    Some(parts.iter().collect())
}

fn line_for(old: &str, path: &Path) -> Result<String> {
    let content = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let file = file_of(old).unwrap_or_default();
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&content));
    Ok(format!("{file},sha256={digest},{}", content.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_a_changed_script_is_written_anew() {
        let environment = tempfile::tempdir().unwrap();
        let packages = Path::new("lib/python3.11/site-packages");
        let info = environment.path().join(packages).join("pip-24.0.dist-info");
        fs::create_dir_all(&info).unwrap();
        fs::create_dir(environment.path().join("bin")).unwrap();
        fs::write(environment.path().join("bin/pip"), "#!/new/bin/python\n").unwrap();
        let old = "../../../bin/pip,sha256=AAAA,3\n../../../bin/pip3,sha256=BBBB,4\n\"a,b\",,\npip/x.py,,\n\
                   ../../../../../../bin/pip,,\n";
        fs::write(info.join("RECORD"), old).unwrap();
        update(environment.path(), packages, &["bin/pip".into()]).unwrap();
        let new = fs::read_to_string(info.join("RECORD")).unwrap();
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(b"#!/new/bin/python\n"));
        let first = format!("../../../bin/pip,sha256={digest},18");
        assert_eq!(new, old.replace("../../../bin/pip,sha256=AAAA,3", &first));
    }

    #[test]
    fn path_that_leads_out_is_not_used() {
        for (path, expected) in [
            ("lib/../bin/pip", Some("bin/pip")),
            ("./bin/pip", Some("bin/pip")),
            ("/bin/pip", None),
            ("../bin/pip", None),
        ] {
            assert_eq!(normal(Path::new(path)), expected.map(PathBuf::from), "{path}");
        }
    }
}
