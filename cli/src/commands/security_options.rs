//! The options of the security profile: of `run` and `create`.

use clap::{Args, ValueEnum};
use isolation::{Device, Gpus, SecurityProfile, SecuritySpec};

/// Options of the security profile.
#[derive(Debug, Default, Args)]
pub(crate) struct SecurityOptions {
    /// Rights of its processes [default: standard]
    #[arg(long, value_enum, value_name = "PROFILE")]
    profile: Option<Profile>,
    /// Make the root file system read-only; false makes it writable in the profile hardened
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    read_only: Option<bool>,
    /// Add a kernel capability, such as NET_RAW; may be repeated
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Drop a kernel capability of the profile; may be repeated
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// no-new-privileges=false, seccomp=unconfined, seccomp=FILE or apparmor=NAME; may be repeated
    #[arg(long, value_name = "OPTION", value_parser = option)]
    security_opt: Vec<SecurityOption>,
    /// Give the processes all rights on the machine of the engine; needs --profile trusted
    #[arg(long)]
    privileged: bool,
    /// Add a device of the machine of the engine: /dev/fuse; may be repeated
    #[arg(long, value_name = "DEVICE[:PATH][:rwm]")]
    device: Vec<Device>,
    /// Add GPUs of the machine of the engine: all, a number, or device=0,1
    #[arg(long, value_name = "GPUS")]
    gpus: Option<Gpus>,
    /// Additional group of the processes, by name or number; may be repeated
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// Kernel parameter of the environment: net.core.somaxconn=1024; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = sysctl)]
    sysctl: Vec<(String, String)>,
}

/// A profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// The rights that package managers need; processes cannot gain more
    Standard,
    /// For untrusted programs: no capabilities, a read-only root, no network
    Hardened,
    /// The rights that the engine gives to every container
    Trusted,
}

/// An option in the syntax of the docker command.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SecurityOption {
    NewPrivileges(bool),
    Seccomp(String),
    AppArmor(String),
}

impl SecurityOptions {
    /// Sets the given options.
    pub(crate) fn fill(&self, security: &mut SecuritySpec) {
        security.profile = match self.profile {
            None => security.profile,
            Some(Profile::Standard) => SecurityProfile::Standard,
            Some(Profile::Hardened) => SecurityProfile::Hardened,
            Some(Profile::Trusted) => SecurityProfile::Trusted,
        };
        if let Some(read_only) = self.read_only {
            let is_hardened = security.profile == SecurityProfile::Hardened;
            security.read_only_root = read_only;
            security.writable_root = !read_only && is_hardened;
        }
        security.add_capabilities.extend(self.cap_add.iter().cloned());
        security.drop_capabilities.extend(self.cap_drop.iter().cloned());
        security.privileged |= self.privileged;
        security.devices.extend(self.device.iter().cloned());
        security.gpus = self.gpus.clone().or_else(|| security.gpus.take());
        security.groups.extend(self.group_add.iter().cloned());
        security.sysctls.extend(self.sysctl.iter().cloned());
        for option in &self.security_opt {
            match option {
                SecurityOption::NewPrivileges(allowed) => security.allow_new_privileges = *allowed,
                SecurityOption::Seccomp(profile) => security.seccomp = Some(profile.clone()),
                SecurityOption::AppArmor(profile) => security.apparmor = Some(profile.clone()),
            }
        }
    }
}

fn sysctl(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("write NAME=VALUE, such as net.core.somaxconn=1024".to_owned()),
    }
}

fn option(text: &str) -> Result<SecurityOption, String> {
    let (name, value) = text
        .split_once('=')
        .or_else(|| text.split_once(':'))
        .unwrap_or((text, ""));
    match (name, value) {
        ("no-new-privileges", "" | "true") => Ok(SecurityOption::NewPrivileges(false)),
        ("no-new-privileges", "false") => Ok(SecurityOption::NewPrivileges(true)),
        ("seccomp", "unconfined") => Ok(SecurityOption::Seccomp(value.to_owned())),
        ("seccomp", file) if !file.is_empty() => {
            let profile = crate::text_file::read(file.as_ref())
                .map_err(|error| format!("cannot read {file}: {error}"))?;
            Ok(SecurityOption::Seccomp(profile))
        }
        ("apparmor", profile) if !profile.is_empty() => Ok(SecurityOption::AppArmor(profile.to_owned())),
        _ => Err(format!(
            "{text:?} is not a security option; write no-new-privileges=false, seccomp=unconfined, seccomp=FILE \
             or apparmor=NAME"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        options: SecurityOptions,
    }

    fn parse(line: &str) -> Result<SecuritySpec, String> {
        let only = Only::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        let mut security = SecuritySpec::default();
        only.options.fill(&mut security);
        Ok(security)
    }

    #[test]
    fn options_are_those_of_docker() {
        let line = "x --profile trusted --privileged --cap-add NET_RAW --cap-drop KILL --read-only \
                    --security-opt seccomp=unconfined --security-opt apparmor=mine \
                    --security-opt no-new-privileges:false --device /dev/fuse:r --gpus 2 --group-add audio \
                    --sysctl net.core.somaxconn=9";
        let expected = r#"{"profile": "trusted", "privileged": true, "add_capabilities": ["NET_RAW"],
            "drop_capabilities": ["KILL"], "read_only_root": true, "seccomp": "unconfined",
            "apparmor": "mine", "allow_new_privileges": true, "devices": ["/dev/fuse:/dev/fuse:r"],
            "gpus": "2", "groups": ["audio"], "sysctls": {"net.core.somaxconn": "9"}}"#;
        assert_eq!(parse(line).unwrap(), serde_json::from_str(expected).unwrap());
        let writable = parse("x --profile hardened --read-only=false").unwrap();
        assert!(writable.writable_root && !writable.read_only_root);
    }

    #[test]
    fn unknown_option_names_the_known_ones() {
        for line in ["x --security-opt label=disable", "x --security-opt seccomp"] {
            let error = parse(line).unwrap_err();
            assert!(error.contains("no-new-privileges=false"), "{error}");
        }
        let error = parse("x --security-opt seccomp=/no/such/file").unwrap_err();
        assert!(error.contains("/no/such/file"), "{error}");
    }
}
