//! Limits of each process (ulimits).
//!
//! The first process has them, and every command inherits them: the program `prlimit` starts
//! `bwrap`. A few would end the first process, or would keep it from starting commands: the shell
//! of each command sets these.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::NAME;
use super::first_process::Process;
use crate::engine::capabilities::{Feature, MissingFeature};
use crate::error::{Error, Result};
use crate::spec::limits::ulimit::{Ulimit, UlimitValue};

/// The limits of a specification, by their names.
type Ulimits = BTreeMap<String, Ulimit>;

/// The limits that the shell of a command sets, and the letters for them in the shells that know
/// one. Their units are the same in every shell. The last one also limits the shell itself.
const OF_COMMANDS: [(&str, &[char]); 3] = [("cpu", &['t']), ("nproc", &['u', 'p']), ("nofile", &['n'])];

/// The least values of other limits with which the first process, a shell, works.
const LEAST: [(&str, u64); 3] = [("data", 8 << 20), ("fsize", 4096), ("stack", 256 << 10)];

/// Rejects limits that cannot be set here.
pub(super) fn check(ulimits: &Ulimits) -> Result<()> {
    if ulimits.keys().any(|name| !is_of_commands(name)) && !has_program() {
        let why = "this machine has no prlimit; install the package util-linux";
        return Err(unsupported(why.to_owned()));
    }
    for (name, ulimit) in ulimits {
        let least = LEAST.into_iter().find(|(other, _)| other == name);
        if let Some((_, least)) = least.filter(|(_, least)| ulimit.soft < UlimitValue::Limited(*least)) {
            let why = format!(
                "the first process of an environment, a shell, also has the ulimit {name}, and needs at least \
                 {least}"
            );
            return Err(unsupported(why));
        }
        let own = from_kernel(getrlimit(resource(name)?).maximum);
        if ulimit.hard > own && !rustix::process::geteuid().is_root() {
            let why = format!(
                "only root can raise the ulimit {name} above the hard limit of this process, which is {own}"
            );
            return Err(unsupported(why));
        }
    }
    Ok(())
}

fn has_program() -> bool {
    let mut places = super::PATH.split(':').map(Path::new);
    places.any(|place| place.join("prlimit").is_file())
}

/// The words before `bwrap` that lower the limits of everything that it starts.
pub(super) fn words(ulimits: &Ulimits) -> Result<String> {
    let mut words = String::new();
    for (name, ulimit) in ulimits.iter().filter(|(name, _)| !is_of_commands(name)) {
        if ulimit.hard <= from_kernel(getrlimit(resource(name)?).maximum) {
            words.push_str(&format!("--{name}={}:{} ", ulimit.soft, ulimit.hard));
        }
    }
    Ok(match words.is_empty() {
        true => words,
        false => format!("prlimit {words}"),
    })
}

/// Sets the limits of the first process that only root can set.
pub(super) fn raise(process: Process, ulimits: &Ulimits) -> Result<()> {
    let pid = i32::try_from(process.pid()).ok().and_then(Pid::from_raw);
    for (name, ulimit) in ulimits {
        let resource = resource(name)?;
        let inherited = getrlimit(resource);
        if ulimit.hard <= from_kernel(inherited.maximum) {
            continue;
        }
        let new = Rlimit {
            // A command lowers it further.
            current: match is_of_commands(name) {
                true => inherited.current,
                false => for_kernel(ulimit.soft),
            },
            maximum: for_kernel(ulimit.hard),
        };
        prlimit(pid, resource, new).map_err(|error| match error {
            rustix::io::Errno::PERM => unsupported(format!(
                "root needs the kernel capability SYS_RESOURCE to raise the ulimit {name} above {}",
                from_kernel(inherited.maximum)
            )),
            error => Error::engine(NAME, std::io::Error::from(error)),
        })?;
    }
    Ok(())
}

/// The lines of the shell of a command that set the others.
pub(super) fn lines(ulimits: &Ulimits) -> String {
    let mut text = String::new();
    for (name, letters) in OF_COMMANDS {
        let Some(Ulimit { soft, hard }) = ulimits.get(name) else {
            continue;
        };
        let set = |letter: &char| format!("{{ ulimit -S{letter} {soft} && ulimit -H{letter} {hard}; }}");
        let ways: Vec<String> = letters.iter().map(set).collect();
        // Only the last way reports an error.
        text.push_str(&ways.join(" 2>/dev/null || "));
        text.push_str(" || exit 126\n");
    }
    text
}

fn is_of_commands(name: &str) -> bool {
    OF_COMMANDS.iter().any(|(other, _)| *other == name)
}

fn unsupported(reason: String) -> Error {
    let feature = Feature::Ulimits;
    Error::unsupported(NAME, vec![MissingFeature { feature, reason }])
}

fn for_kernel(value: UlimitValue) -> Option<u64> {
    match value {
        UlimitValue::Limited(value) => Some(value),
        UlimitValue::Unlimited => None,
    }
}

fn from_kernel(value: Option<u64>) -> UlimitValue {
    value.map_or(UlimitValue::Unlimited, UlimitValue::Limited)
}

fn resource(name: &str) -> Result<Resource> {
    Ok(match name {
        "core" => Resource::Core,
        "cpu" => Resource::Cpu,
        "data" => Resource::Data,
        "fsize" => Resource::Fsize,
        "locks" => Resource::Locks,
        "memlock" => Resource::Memlock,
        "msgqueue" => Resource::Msgqueue,
        "nice" => Resource::Nice,
        "nofile" => Resource::Nofile,
        "nproc" => Resource::Nproc,
        "rss" => Resource::Rss,
        "rtprio" => Resource::Rtprio,
        "rttime" => Resource::Rttime,
        "sigpending" => Resource::Sigpending,
        "stack" => Resource::Stack,
        other => return Err(Error::invalid(format!("there is no ulimit {other:?}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn ulimits(list: &[(&str, &str)]) -> Ulimits {
        let one = |(name, value): &(&str, &str)| ((*name).to_owned(), value.parse().unwrap());
        list.iter().map(one).collect()
    }

    #[test]
    fn ulimits_that_end_the_first_process_are_refused() {
        for (name, value) in [("data", "1"), ("fsize", "0:unlimited"), ("stack", "4096")] {
            let error = check(&ulimits(&[(name, value)])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert_eq!(error.missing()[0].feature, Feature::Ulimits);
            assert!(error.to_string().contains(name), "{error}");
        }
        check(&ulimits(&[
            ("fsize", "4096"),
            ("core", "0"),
            ("nofile", "3"),
            ("cpu", "1"),
        ]))
        .unwrap();
        let error = check(&ulimits(&[("files", "1")])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }

    #[test]
    fn ulimit_above_the_own_hard_one_needs_root() {
        let Some(hard) = getrlimit(Resource::Nofile).maximum else {
            return;
        };
        let raised = check(&ulimits(&[("nofile", &(hard + 1).to_string())]));
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(raised.is_ok(), is_root, "{raised:?}");
        check(&ulimits(&[("nofile", &hard.to_string())])).unwrap();
    }

    #[test]
    fn command_gets_the_limits_that_its_shell_sets() {
        let text = lines(&ulimits(&[("nofile", "20:30"), ("nproc", "9"), ("core", "0")]));
        assert_eq!(
            text,
            "{ ulimit -Su 9 && ulimit -Hu 9; } 2>/dev/null || { ulimit -Sp 9 && ulimit -Hp 9; } || exit 126\n\
             { ulimit -Sn 20 && ulimit -Hn 30; } || exit 126\n"
        );
        let of_all = ulimits(&[("core", "0")]);
        assert_eq!(lines(&of_all), "");
        assert_eq!(words(&of_all).unwrap(), "prlimit --core=0:0 ");
        assert_eq!(words(&ulimits(&[("nofile", "20")])).unwrap(), "");
    }

    #[test]
    fn every_ulimit_has_a_resource() {
        for name in crate::spec::limits::ulimit::NAMES {
            resource(name).unwrap();
        }
    }
}
