//! Request paths: base, version, placeholders filled with checked and escaped names.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::operation::OperationInfo;
use crate::error::{Error, Result};
use crate::version::Version;

/// The longest name that is sent; engines already reject much shorter names.
const LONGEST_NAME: usize = 1024;

/// The characters that are escaped in a name. `:` and `@` stay, so that image references can be
/// read in logs.
const NAME: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

const NAME_WITH_SLASHES: &AsciiSet = &NAME.remove(b'/');

/// The path of a call: `/base/v1.51/containers/web/start`. The names have been checked.
pub(crate) fn render(info: &OperationInfo, base: &str, version: Option<Version>, names: &[&str]) -> String {
    let mut out = prefix(base, version);
    out.reserve(info.path.len() + 80);
    let escaped = if info.slashes { NAME_WITH_SLASHES } else { NAME };
    let mut names = names.iter();
    for (before, placeholder) in pieces(info.path) {
        out.push_str(before);
        if placeholder.is_some() {
            out.extend(
                names
                    .next()
                    .into_iter()
                    .flat_map(|name| utf8_percent_encode(name, escaped)),
            );
        }
    }
    out
}

/// The prefix of every path: `/base/v1.51`.
pub(crate) fn prefix(base: &str, version: Option<Version>) -> String {
    match version {
        Some(version) => format!("{base}/v{version}"),
        None => base.to_owned(),
    }
}

/// Checks that there is a valid name for each placeholder of the path.
pub(crate) fn check_names(info: &OperationInfo, names: &[&str]) -> Result<()> {
    let mut names = names.iter();
    for placeholder in pieces(info.path).filter_map(|(_, placeholder)| placeholder) {
        let name = names
            .next()
            .ok_or_else(|| Error::invalid(format!("no value for {{{placeholder}}}")))?;
        check(placeholder, name, info.slashes)?;
    }
    Ok(())
}

/// The pieces of a path: a literal part, and the placeholder after it, if there is one.
fn pieces(path: &'static str) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    path.split('}').map(|piece| match piece.split_once('{') {
        Some((before, placeholder)) => (before, Some(placeholder)),
        None => (piece, None),
    })
}

/// Rejects a name that would lead to another route: engines and proxies resolve `.` and `..`, and
/// an empty name results in the path of another operation.
fn check(placeholder: &str, name: &str, slashes: bool) -> Result<()> {
    let invalid = |why: &str| {
        Err(Error::invalid(format!(
            "{name:?} cannot be the {placeholder}: {why}"
        )))
    };
    if name.trim().is_empty() {
        return Err(Error::invalid(format!(
            "the {placeholder} is empty; pass a name or an ID"
        )));
    }
    if name.len() > LONGEST_NAME {
        return Err(Error::invalid(format!(
            "the {placeholder} is {} bytes long; the maximum is {LONGEST_NAME}",
            name.len()
        )));
    }
    if name.chars().any(char::is_control) {
        return invalid("it contains a control character");
    }
    if !slashes && (name == "." || name == "..") {
        return invalid("it would lead to another route");
    }
    if slashes && name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return invalid("a part between slashes is empty, `.` or `..`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::decode::Empty;
    use crate::wire::operation::Operation;

    static START: Operation<Empty> = Operation::post("ContainerStart", "/containers/{id}/start");
    static INSPECT: Operation<Empty> = Operation::get("ImageInspect", "/images/{name}/json").slashes();

    fn path<R>(operation: &Operation<R>, name: &str) -> Result<String> {
        check_names(&operation.info, &[name])?;
        Ok(render(&operation.info, "", Some(Version::OLDEST), &[name]))
    }

    #[test]
    fn names_are_escaped_but_image_names_keep_slashes() {
        assert_eq!(
            path(&START, "a b?c#d%e/f").unwrap(),
            "/v1.41/containers/a%20b%3Fc%23d%25e%2Ff/start"
        );
        let image = "registry:5000/a/b@sha256:00";
        assert_eq!(
            path(&INSPECT, image).unwrap(),
            format!("/v1.41/images/{image}/json")
        );
        assert_eq!(
            render(&START.info, "/base", None, &["é"]),
            "/base/containers/%C3%A9/start"
        );
    }

    #[test]
    fn each_placeholder_needs_a_name() {
        let error = check_names(&START.info, &[]).unwrap_err().to_string();
        assert_eq!(error, "no value for {id}");
        assert!(check_names(&START.info, &["web"]).is_ok());
    }

    #[test]
    fn names_that_reach_another_route_are_rejected() {
        for name in ["", " ", "\t", ".", "..", "a\0b", "a\nb", &"x".repeat(2000)] {
            assert!(path(&START, name).is_err(), "{name:?}");
        }
        for name in ["", "../x", "a/../b", "a//b", "/a", "a/", "."] {
            assert!(path(&INSPECT, name).is_err(), "{name:?}");
        }
        assert_eq!(
            path(&START, "..").unwrap_err().to_string(),
            "\"..\" cannot be the id: it would lead to another route"
        );
    }
}
