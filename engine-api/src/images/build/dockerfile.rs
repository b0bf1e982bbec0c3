//! Finds the features that a Dockerfile requires of Docker's builders, without a build.
//!
//! Podman supports all of them, or reports a missing feature.

use std::collections::{BTreeMap, BTreeSet};

use super::instructions::{Instruction, heredocs, instructions};
use super::stages;
use super::{BuildImage, Builder};
use crate::error::{Cause, Error, Result};

/// The default name of a Dockerfile, and the name that engines try next.
pub(super) const NAMES: [&str; 2] = ["Dockerfile", "dockerfile"];

const BUILDKIT: &str = "BuildKit; build with Builder::BuildKit";
const SESSION: &str = "a session with BuildKit; build with `Images::build_with_session` (feature `buildkit`)";

/// Flags that the classic builder rejects, or ignores although the image depends on them: the
/// instruction, the flag, and both as text.
const LACKING: [(&str, &str, &str); 12] = [
    ("RUN", "--mount", "RUN --mount"),
    ("RUN", "--network", "RUN --network"),
    ("RUN", "--security", "RUN --security"),
    ("RUN", "--device", "RUN --device"),
    ("COPY", "--chmod", "COPY --chmod"),
    ("COPY", "--exclude", "COPY --exclude"),
    ("COPY", "--parents", "COPY --parents"),
    ("ADD", "--chmod", "ADD --chmod"),
    ("ADD", "--exclude", "ADD --exclude"),
    ("ADD", "--checksum", "ADD --checksum"),
    ("ADD", "--keep-git-dir", "ADD --keep-git-dir"),
    ("ADD", "--unpack", "ADD --unpack"),
];

/// The text of the Dockerfile among files in memory.
pub(super) fn among(files: &BTreeMap<String, Vec<u8>>, named: &str) -> Result<String> {
    let text = match named {
        "" => NAMES.iter().find_map(|name| files.get(*name)),
        named => files.get(named.trim_start_matches("./")),
    };
    let name = if named.is_empty() { NAMES[0] } else { named };
    let missing = || Error::invalid(format!("the files of the build's context do not contain {name}"));
    Ok(String::from_utf8_lossy(text.ok_or_else(missing)?).into_owned())
}

/// The first unsupported feature in the stages that are built, if there is one.
pub(super) fn beyond(text: &str, builder: Builder, target: &str) -> Option<Cause> {
    // A line `# syntax=…` alone requires no feature: for the classic builder it is a comment.
    let instructions = instructions(text);
    let built = stages::built(&instructions, builder, target);
    let mut built = instructions
        .iter()
        .zip(built)
        .filter_map(|(instruction, built)| built.then_some(instruction));
    built.find_map(|instruction| {
        let (feature, session) = needs(instruction, builder)?;
        Some(Cause::NeedsBuildKit {
            feature,
            line: instruction.line,
            needed: if session { SESSION } else { BUILDKIT },
        })
    })
}

/// The images of the `FROM` and `COPY --from` instructions in the stages that are built. A name
/// with a variable without a value is omitted: the builder rejects it.
pub(super) fn base_images(text: &str, options: &BuildImage) -> Vec<String> {
    let instructions = instructions(text);
    let mut variables = BTreeMap::new();
    let before_first = instructions.iter().take_while(|one| one.word != "FROM");
    for instruction in before_first.filter(|one| one.word == "ARG") {
        for word in instruction.rest.split_whitespace() {
            let (name, default) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.trim_matches(['"', '\'']).to_owned())),
                None => (word, None),
            };
            let given = options.build_args.get(name).cloned().flatten();
            if let Some(value) = given.or(default) {
                variables.insert(name.to_owned(), value);
            }
        }
    }
    let sources = stages::images(&instructions, options.builder, &options.target);
    let named: BTreeSet<String> = sources
        .into_iter()
        .filter_map(|source| expand(source, &variables))
        .filter(|source| source != "scratch" && !source.is_empty())
        .collect();
    named.into_iter().collect()
}

/// A text with the values of its variables: `$X`, `${X}` and `${X:-default}`.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let mut expanded = String::new();
    let mut rest = text.trim_matches(['"', '\'']);
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, default, behind) = match after.strip_prefix('{') {
            Some(braced) => {
                let (inside, behind) = braced.split_once('}')?;
                match inside.split_once(":-") {
                    Some((name, default)) => (name, Some(default), behind),
                    None => (inside, None, behind),
                }
            }
            None => {
                let end = after.find(|c: char| !c.is_alphanumeric() && c != '_');
                let (name, behind) = after.split_at(end.unwrap_or(after.len()));
                (name, None, behind)
            }
        };
        let value = variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty());
        expanded.push_str(value.or(default)?);
        rest = behind;
    }
    expanded.push_str(rest);
    Some(expanded)
}

/// The feature of an instruction that the builder does not support, and whether it needs a session.
fn needs(instruction: &Instruction, builder: Builder) -> Option<(&'static str, bool)> {
    let has = |name: &str| {
        let named =
            |flag: &str| flag == name || flag.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        instruction.flags().any(named)
    };
    let word = instruction.word.as_str();
    let of_type = |wanted: &str| {
        let mut types = instruction.mount_settings("type");
        word == "RUN" && types.any(|kind| kind.eq_ignore_ascii_case(wanted))
    };
    if of_type("secret") {
        return Some(("RUN --mount=type=secret", true));
    }
    if of_type("ssh") {
        return Some(("RUN --mount=type=ssh", true));
    }
    if builder == Builder::BuildKit {
        return None;
    }
    let flag = LACKING.iter().find(|(of, flag, _)| *of == word && has(flag));
    let heredoc = matches!(word, "RUN" | "COPY" | "ADD") && heredocs(&instruction.rest).next().is_some();
    flag.map(|(_, _, feature)| (*feature, false))
        .or(heredoc.then_some(("a here-document", false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, builder: Builder) -> Option<(&'static str, usize)> {
        match beyond(text, builder, "")? {
            Cause::NeedsBuildKit { feature, line, .. } => Some((feature, line)),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn missing_features_are_reported_with_their_line() {
        let cases = [
            ("FROM a\nRUN --mount=type=cache,target=/c x", "RUN --mount", 2),
            ("FROM a\n\nrun \\\n # why\n --network=none x", "RUN --network", 3),
            ("FROM a\nRUN --security=insecure x", "RUN --security", 2),
            ("FROM a\nCOPY --chmod=755 a /", "COPY --chmod", 2),
            ("FROM a\nADD --checksum=sha256:1 a /", "ADD --checksum", 2),
            ("FROM a\nRUN <<EOF\necho\nEOF", "a here-document", 2),
            ("FROM a\nCOPY <<-\"E\" /x\nEOF", "a here-document", 2),
            (
                "# escape=`\nFROM a\nRUN `\n --mount=type=tmpfs x",
                "RUN --mount",
                3,
            ),
        ];
        for (text, feature, line) in cases {
            assert_eq!(found(text, Builder::Classic), Some((feature, line)), "{text}");
            assert_eq!(found(text, Builder::BuildKit), None, "{text}");
        }
    }

    #[test]
    fn secrets_need_a_session_whichever_the_builder() {
        let text = "FROM a\nRUN --mount=type=cache,target=/c --mount=id=x,type=secret x";
        for builder in [Builder::Classic, Builder::BuildKit] {
            assert_eq!(found(text, builder), Some(("RUN --mount=type=secret", 2)));
        }
        for mount in ["type=ssh", "\"type=ssh\"", "required,Type=SSH"] {
            let text = format!("FROM a\nRUN --mount={mount} x");
            let ssh = Some(("RUN --mount=type=ssh", 2));
            assert_eq!(found(&text, Builder::BuildKit), ssh, "{text}");
        }
    }

    #[test]
    fn stages_that_are_not_built_require_nothing() {
        let text = "FROM a AS unused\nRUN --mount=type=secret,id=x y\nFROM a AS used\nRUN y\n\
                    FROM used\nRUN --mount=type=ssh y";
        let line = |builder, target| match beyond(text, builder, target)? {
            Cause::NeedsBuildKit { line, .. } => Some(line),
            other => panic!("{other}"),
        };
        assert_eq!(line(Builder::BuildKit, ""), Some(6));
        assert_eq!(line(Builder::BuildKit, "used"), None);
        assert_eq!(line(Builder::BuildKit, "unused"), Some(2));
        // The classic builder builds every stage up to the target.
        assert_eq!(line(Builder::Classic, "used"), Some(2));
    }

    #[test]
    fn similar_texts_are_no_features() {
        for text in [
            "FROM a\n# RUN --mount=type=secret\nRUN x --mount=1",
            "FROM a\nRUN echo $((1<<2)) \\\n && cat <<< x",
            "# syntax=docker/dockerfile:1\nFROM a",
            "FROM a\nCOPY --from=b --chown=1 --link a /",
            "FROM a\nCMD x <<EOF",
            "",
        ] {
            assert_eq!(found(text, Builder::Classic), None, "{text}");
        }
        // A line of a here-document is not an instruction.
        assert_eq!(
            found("FROM a\nRUN <<E\nRUN --mount=type=ssh x\nE\n", Builder::BuildKit),
            None
        );
    }

    #[test]
    fn variables_of_all_forms_are_expanded() {
        let variables = [("A", "1"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let of = |text: &str| expand(text, &variables.clone().into());
        for (text, expected) in [
            ("x", Some("x")),
            ("\"$A-${A}$A\"", Some("1-11")),
            ("${A:-2}${B:-2}${EMPTY:-3}", Some("123")),
            ("${B}", None),
            ("$EMPTY", None),
            ("${A", None),
        ] {
            assert_eq!(of(text).as_deref(), expected, "{text}");
        }
    }
}
