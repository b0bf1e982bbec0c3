//! Hints that name the call which must come first, as a command and as a method.

use std::borrow::Cow;

/// Stands for the name of the environment until the name is known.
const ENVIRONMENT: &str = "ENVIRONMENT";

/// The hint for an environment that does not run.
pub(crate) const START: &str = "start it first: `isolate start ENVIRONMENT`, or Environment::start";

/// The hint for a paused environment.
pub(crate) const UNPAUSE: &str = "unpause it first: `isolate unpause ENVIRONMENT`, or Environment::unpause";

/// The hint for an environment that runs.
pub(crate) const STOP: &str = "stop it first: `isolate stop ENVIRONMENT`, or Environment::stop";

/// The hint for an environment that can only be destroyed.
pub(crate) const DESTROY: &str =
    "destroy it and create another: `isolate rm --force ENVIRONMENT`, or Environment::destroy";

/// The same hint with the name of the environment; other texts are not changed.
pub(crate) fn named(text: &str, name: &str) -> Option<String> {
    let (before, command) = text.split_once("`isolate ")?;
    let (command, after) = command.split_once('`')?;
    let command = command.strip_suffix(ENVIRONMENT)?;
    Some(format!("{before}`isolate {command}{}`{after}", as_word(name)))
}

/// The name as one word of a shell.
pub(crate) fn as_word(name: &str) -> Cow<'_, str> {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "_-.:/@".contains(one);
    match name.chars().all(is_plain) && !name.is_empty() {
        true => Cow::Borrowed(name),
        false => Cow::Owned(format!("'{}'", name.replace('\'', r"'\''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hint_has_the_name_of_the_environment() {
        assert_eq!(
            named(UNPAUSE, "web").unwrap(),
            "unpause it first: `isolate unpause web`, or Environment::unpause"
        );
        assert!(
            named(DESTROY, "web")
                .unwrap()
                .contains("`isolate rm --force web`")
        );
        assert!(
            named(STOP, "a'b c")
                .unwrap()
                .contains(r"`isolate stop 'a'\''b c'`")
        );
        for other in [
            "start it",
            "`isolate image ls` lists ENVIRONMENT",
            "`isolate start",
        ] {
            assert_eq!(named(other, "web"), None, "{other}");
        }
    }
}
