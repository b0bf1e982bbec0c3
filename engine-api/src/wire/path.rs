//! Request paths: base, version, placeholders filled with checked and escaped names.

use std::fmt::Write;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::operation::OperationInfo;
use crate::Version;
use crate::error::{Error, Result};

/// Longer names are no names; engines refuse them far earlier.
const LONGEST_NAME: usize = 1024;

/// What is escaped in a name. `:` and `@` stay, so that image references can be read in logs.
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

/// The path of a call: `/base/v1.51/containers/web/start`.
pub(crate) fn render(
    info: &OperationInfo,
    base: &str,
    version: Option<Version>,
    names: &[&str],
) -> Result<String> {
    let mut out = String::with_capacity(base.len() + info.path.len() + 80);
    out.push_str(base);
    if let Some(version) = version {
        // Writing to a text cannot fail.
        let _ = write!(out, "/v{version}");
    }
    let mut names = names.iter();
    let mut rest = info.path;
    while let Some((before, after)) = rest.split_once('{') {
        let (what, after) = after.split_once('}').unwrap_or((after, ""));
        let name = names
            .next()
            .ok_or_else(|| Error::invalid(format!("no value for {{{what}}}")))?;
        check(what, name, info.slashes)?;
        out.push_str(before);
        out.extend(utf8_percent_encode(
            name,
            if info.slashes { NAME_WITH_SLASHES } else { NAME },
        ));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Refuses what would reach another route, or none (wire facts 14 and 15).
fn check(what: &str, name: &str, slashes: bool) -> Result<()> {
    let wrong = |why: &str| Err(Error::invalid(format!("{name:?} cannot be the {what}: {why}")));
    if name.trim().is_empty() {
        return Err(Error::invalid(format!(
            "the {what} is empty; pass a name or an id"
        )));
    }
    if name.len() > LONGEST_NAME {
        return Err(Error::invalid(format!(
            "the {what} is {} bytes long; {LONGEST_NAME} are the most",
            name.len()
        )));
    }
    if name.chars().any(char::is_control) {
        return wrong("it contains a control character");
    }
    if !slashes && (name == "." || name == "..") {
        return wrong("it would lead to another route");
    }
    if slashes && name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return wrong("a part between slashes is empty, `.` or `..`");
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
        render(&operation.info, "", Some(Version::OLDEST), &[name])
    }

    #[test]
    fn names_are_escaped_and_image_names_keep_their_slashes() {
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
            render(&START.info, "/base", None, &["é"]).unwrap(),
            "/base/containers/%C3%A9/start"
        );
    }

    #[test]
    fn names_that_reach_another_route_are_refused() {
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
