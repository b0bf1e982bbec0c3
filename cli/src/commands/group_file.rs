//! The file of a group: of docker compose, or JSON.

use std::path::{Path, PathBuf};

use clap::Args;
use isolation::{ComposeFile, ComposeOptions, GroupSpec};

use crate::console::Console;
use crate::error::CliError;

/// The file that is searched before those of docker compose.
const JSON_FILE: &str = "group.json";

/// The file of a group, and how it is read.
#[derive(Debug, Args)]
pub(crate) struct GroupFile {
    /// Name of the group; by default the one of the file or of its directory
    #[arg(long, short = 'p', value_name = "NAME", visible_alias = "project-name")]
    name: Option<String>,
    /// Start also the services with this profile; can be given several times
    #[arg(long = "profile", value_name = "NAME")]
    profiles: Vec<String>,
    /// Ignore keys of a compose file that are not supported, with a warning
    #[arg(long)]
    ignore_unsupported: bool,
    /// File with the group; by default group.json, compose.yaml, compose.yml, docker-compose.yml or
    /// docker-compose.yaml in this directory
    #[arg(value_name = "FILE", conflicts_with = "of_option")]
    file: Option<PathBuf>,
    /// The same, as docker compose has it
    #[arg(long = "file", short = 'f', value_name = "FILE", id = "of_option")]
    of_option: Option<PathBuf>,
}

/// The name of the group in a file; without a file, in the file of this directory.
pub(crate) fn name_in(file: Option<&Path>) -> Result<String, CliError> {
    let file = GroupFile {
        name: None,
        profiles: vec!["*".to_owned()],
        ignore_unsupported: true,
        file: file.map(Path::to_owned),
        of_option: None,
    };
    Ok(file.read_with(|_| ())?.name)
}

impl GroupFile {
    /// Reads the group, and prints what is left out.
    pub(crate) fn read(&self, console: Console) -> Result<GroupSpec, CliError> {
        self.read_with(|text| console.warning(text))
    }

    fn read_with(&self, warn: impl Fn(&str)) -> Result<GroupSpec, CliError> {
        let file = match self.file.as_ref().or(self.of_option.as_ref()) {
            Some(file) => file.clone(),
            None => find(Path::new("."))?,
        };
        let is_json = file.extension().is_some_and(|extension| extension == "json");
        let mut group = match is_json {
            true => read_json(&file)?,
            false => self.read_compose(&file, warn)?,
        };
        if let Some(name) = &self.name {
            group.name.clone_from(name);
        }
        Ok(group)
    }

    fn read_compose(&self, file: &Path, warn: impl Fn(&str)) -> Result<GroupSpec, CliError> {
        // The file cannot contain a name or value that is not UTF-8.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let options = ComposeOptions {
            name: self.name.clone(),
            profiles: self.profiles.clone(),
            variables: std::env::vars_os().filter_map(text).collect(),
            ignore_unsupported: self.ignore_unsupported,
        };
        let compose = ComposeFile::read(file, &options)?;
        let mut group = compose.group;
        for name in &compose.unset {
            warn(&format!(
                "{}: the variable {name} is not set; it is replaced by an empty text",
                file.display()
            ));
        }
        for ignored in &compose.ignored {
            warn(&format!("{}: {ignored}", file.display()));
        }
        for (name, service) in &mut group.services {
            // Only the process that started an environment restarts it, and this process exits.
            if service.environment.restart.is_some() {
                let what = format!(
                    "services.{name}.restart is not supported: only the process that starts a service restarts it, and \
                     this one ends"
                );
                if !self.ignore_unsupported {
                    let hint = "remove it, or use --ignore-unsupported";
                    let message = format!("cannot use {}: {what}", file.display());
                    return Err(CliError::new(message).hint(hint));
                }
                warn(&format!("{}: {what}", file.display()));
                service.environment.restart = None;
            }
        }
        Ok(group)
    }
}

/// The file of a directory.
pub(crate) fn find(directory: &Path) -> Result<PathBuf, CliError> {
    let json = directory.join(JSON_FILE);
    let found = json
        .is_file()
        .then_some(json)
        .or_else(|| ComposeFile::find(directory));
    found.ok_or_else(|| {
        CliError::new("this directory has no file of a group")
            .hint("name one, or create group.json, compose.yaml or docker-compose.yml")
    })
}

fn read_json(file: &Path) -> Result<GroupSpec, CliError> {
    let text = crate::text_file::read(file)
        .map_err(|error| CliError::new(format!("cannot read {}", file.display())).because(&error))?;
    GroupSpec::from_json(&text)
        .map_err(|error| CliError::new(format!("cannot use {}", file.display())).because_of_faults(&error))
}
