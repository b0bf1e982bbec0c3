//! Decides whether the packages of Python move or are installed again.

use std::path::{Path, PathBuf};

use super::work::{How, PythonWork};
use super::{DIRECTORY, Found, Python, is_seed};
use crate::counted::counted;
use crate::engines::VIRTUALENV;
use crate::error::Result;
use crate::manager::migrate::plan::{MigrationPlan, Moved, Reinstalled};
use crate::manager::migrate::tree::Side;
use crate::packages::Package;
use crate::snapshots::LeftOut;
use crate::spec::EnvironmentSpec;

/// Decides what happens with the packages.
pub(in crate::manager::migrate) fn plan(
    found: Found,
    asked: Option<Python>,
    engine: &str,
    from: &Side,
    to: &Side,
    spec: &mut EnvironmentSpec,
    plan: &mut MigrationPlan,
) -> Result<Option<PythonWork>> {
    let on_host = to.host;
    if on_host && engine != VIRTUALENV {
        let what = format!("the use of {}", found.counted());
        let why = format!("commands of the engine {engine} use the Python of this machine");
        plan.lost.push(LeftOut::new(what, why));
        return Ok(None);
    }
    let Some(target) = asked else {
        let what = found.counted();
        let why = "the new environment has no Python; choose an image that has it";
        plan.blocked.push(LeftOut::new(what, why));
        return Ok(None);
    };
    let Found {
        python,
        packages,
        own,
    } = found;
    let (major, minor, patch) = target.version;
    let misfit = match &own {
        None => Some(format!("they belong to the interpreter at {}", python.prefix)),
        Some(own) if on_host && own != Path::new(DIRECTORY) => Some(format!(
            "the engine {engine} has its virtual environment in {DIRECTORY}"
        )),
        Some(_) => python.misfit(&target),
    };
    let place = match (&own, on_host) {
        (Some(own), false) => own.clone(),
        _ => PathBuf::from(DIRECTORY),
    };
    for package in &packages {
        let sources = package
            .source
            .as_deref()
            .and_then(|url| url.strip_prefix("file://"));
        let outside = sources.filter(|path| !Path::new(path).starts_with(&from.seen));
        if let Some(path) = outside.filter(|_| package.editable) {
            let what = format!("the package {}", package.name);
            let why = format!("it is an editable install of {path}, which does not move; copy it in first");
            plan.blocked.push(LeftOut::new(what, why));
        }
    }
    let how = match (misfit, own) {
        (None, Some(own)) => {
            let what = format!(
                "the virtual environment with {}, for Python {major}.{minor}.{patch}",
                counted(packages.len(), "package", "packages")
            );
            plan.moves.push(Moved::new(what, place.display().to_string()));
            How::Move(own)
        }
        (misfit, own) => {
            let why = misfit.unwrap_or_default();
            let mut names = Vec::new();
            for package in &packages {
                if let Some(name) = requirement(package, &from.seen, to) {
                    plan.reinstalled.push(Reinstalled {
                        package: name.clone(),
                        why: why.clone(),
                    });
                    names.push(name);
                }
            }
            How::Install(names, own)
        }
    };
    if !on_host {
        let environment = format!("{}/{}", to.path, place.display());
        let path = format!("{environment}/bin:{}", target.path);
        spec.env.insert("PATH".to_owned(), path);
        spec.env.insert("VIRTUAL_ENV".to_owned(), environment);
    }
    Ok(Some(PythonWork {
        how,
        directory: python.packages,
        target,
        packages,
        on_host,
    }))
}

/// How a package manager is asked for the same package; `None` for one that every virtual
/// environment has.
fn requirement(package: &Package, from: &str, to: &Side) -> Option<String> {
    if is_seed(package) {
        return None;
    }
    let exact = format!("{}=={}", package.name, package.version);
    let Some(source) = &package.source else {
        return Some(exact);
    };
    let inside = source
        .strip_prefix("file://")
        .and_then(|path| Path::new(path).strip_prefix(from).ok().map(Path::to_owned));
    Some(match inside {
        // Its source moves with the directory.
        Some(path) if package.editable && !to.host => format!("{}/{}", to.path, path.display()),
        Some(path) if package.editable => format!("./{}", path.display()),
        // An address without credentials is one that everybody can use.
        None if source.contains("://") && !source.starts_with("file:") && !source.contains("***@") => {
            format!("{} @ {source}", package.name)
        }
        _ => exact,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::python;
    use super::*;

    fn package(name: &str, source: Option<&str>, editable: bool) -> Package {
        Package {
            name: name.into(),
            version: "1.0".into(),
            source: source.map(str::to_owned),
            editable,
            ..Package::default()
        }
    }

    fn a_plan() -> MigrationPlan {
        let place = |engine: &str| crate::manager::migrate::Place {
            engine: engine.into(),
            address: None,
            image: None,
            pulls: false,
        };
        MigrationPlan {
            from: place(VIRTUALENV),
            to: place("docker"),
            moves: Vec::new(),
            reinstalled: Vec::new(),
            undecided: Vec::new(),
            lost: Vec::new(),
            blocked: Vec::new(),
            hints: Vec::new(),
        }
    }

    fn planned(target: Option<Python>, packages: Vec<Package>) -> (MigrationPlan, Option<PythonWork>) {
        let mut made = a_plan();
        let from = Side {
            seen: "/old".into(),
            ..Side::host()
        };
        let found = Found {
            python: python(),
            packages,
            own: Some(DIRECTORY.into()),
        };
        let mut spec = EnvironmentSpec::default();
        let to = Side::inside("/work");
        let work = plan(found, target, "docker", &from, &to, &mut spec, &mut made).unwrap();
        (made, work)
    }

    #[test]
    fn interpreter_of_musl_installs_numpy_again() {
        let musl = Python {
            abi: "cpython-311-x86_64-linux-musl".into(),
            libc: (String::new(), String::new()),
            ..python()
        };
        let packages = vec![package("numpy", None, false), package("pip", None, false)];
        let (made, _) = planned(Some(musl), packages.clone());
        assert_eq!(made.reinstalled.len(), 1);
        assert_eq!(made.reinstalled[0].package, "numpy==1.0");
        assert!(made.reinstalled[0].why.contains("linux-musl"), "{made:?}");
        let (made, _) = planned(Some(python()), packages);
        assert!(made.reinstalled.is_empty() && made.moves.len() == 1, "{made:?}");
    }

    #[test]
    fn environment_elsewhere_is_installed_again() {
        for (own, why) in [
            (None, "they belong to the interpreter at"),
            (
                Some(PathBuf::from("venv")),
                "has its virtual environment in .venv",
            ),
        ] {
            let mut made = a_plan();
            let found = Found {
                python: python(),
                packages: vec![package("numpy", None, false)],
                own,
            };
            let (from, mut spec) = (Side::inside("/old"), EnvironmentSpec::default());
            let asked = Some(python());
            let work = plan(
                found,
                asked,
                VIRTUALENV,
                &from,
                &Side::host(),
                &mut spec,
                &mut made,
            );
            assert!(work.unwrap().is_some());
            assert_eq!(made.reinstalled.len(), 1, "{made:?}");
            assert!(made.reinstalled[0].why.contains(why), "{made:?}");
            assert!(made.moves.is_empty(), "{made:?}");
        }
    }

    #[test]
    fn editable_install_from_outside_blocks_the_plan() {
        let packages = vec![
            package("mine", Some("file:///home/me/mine"), true),
            package("moved", Some("file:///old/src/moved"), true),
        ];
        let (made, _) = planned(Some(python()), packages);
        assert_eq!(made.blocked.len(), 1);
        assert!(made.blocked[0].what.contains("mine"), "{made:?}");
        let (made, work) = planned(None, vec![package("numpy", None, false)]);
        assert!(made.blocked[0].why.contains("no Python") && work.is_none());
    }

    #[test]
    fn requirement_names_the_same_package() {
        let to = Side::inside("/work");
        for (source, editable, expected) in [
            (None, false, Some("x==1.0")),
            (Some("file:///old/wheels/x.whl"), false, Some("x==1.0")),
            (Some("file:///old/src/x"), true, Some("/work/src/x")),
            (Some("https://h/x.whl"), false, Some("x @ https://h/x.whl")),
            (Some("https://***@h/x.whl"), false, Some("x==1.0")),
        ] {
            let made = requirement(&package("x", source, editable), "/old", &to);
            assert_eq!(made.as_deref(), expected, "{source:?}");
        }
        assert_eq!(requirement(&package("Pip", None, false), "/old", &to), None);
    }

    #[test]
    fn editable_install_keeps_its_place_in_the_directory() {
        let moved = package("moved", Some("file:///old/src/moved"), true);
        for (to, expected) in [
            (Side::host(), "./src/moved"),
            (Side::inside("/work"), "/work/src/moved"),
        ] {
            assert_eq!(requirement(&moved, "/old", &to).as_deref(), Some(expected));
        }
    }

    #[test]
    fn version_of_python_is_asked_for_if_possible() {
        let found = Found {
            python: python(),
            packages: vec![package("numpy", None, false), package("pip", None, false)],
            own: None,
        };
        assert_eq!(found.undecided().what, "2 packages of Python");
        let mut spec = EnvironmentSpec::default();
        assert!(!super::super::wants("docker", &mut spec, &found));
        assert!(super::super::wants(VIRTUALENV, &mut spec, &found));
        assert_eq!(spec.engine_options[VIRTUALENV]["python"], "3.11");
        // The caller has chosen one.
        assert!(!super::super::wants(VIRTUALENV, &mut spec, &found));
        let of_pypy = Found {
            python: Python {
                implementation: "PyPy".into(),
                ..python()
            },
            ..found
        };
        let mut spec = EnvironmentSpec::default();
        assert!(super::super::wants(VIRTUALENV, &mut spec, &of_pypy));
        assert_eq!(spec.engine_options[VIRTUALENV]["python"], "pypy3.11");
    }
}
