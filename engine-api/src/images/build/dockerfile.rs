//! Features that a Dockerfile requires of Docker's builders, found without building.
//!
//! Podman builds with all of them, or reports what it lacks.

use super::Builder;
use super::stages;
use crate::error::Cause;

const BUILDKIT: &str = "BuildKit; build with Builder::BuildKit";
const SESSION: &str = "a session with BuildKit; build with `Images::build_with_session` (feature `buildkit`)";

/// Flags that the classic builder rejects, or ignores although the image depends on them:
/// instruction, flag, both.
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

/// An instruction with what follows it, and the line it begins in.
pub(super) struct Instruction {
    pub(super) word: String,
    pub(super) rest: String,
    line: usize,
}

impl Instruction {
    fn begin(part: &str, line: usize) -> Self {
        let (word, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
        Self {
            word: word.to_uppercase(),
            rest: rest.trim().to_owned(),
            line,
        }
    }

    /// The flags: `--from=x`.
    pub(super) fn flags(&self) -> impl Iterator<Item = &str> {
        let words = self.rest.split_whitespace();
        words.take_while(|word| word.starts_with("--"))
    }

    /// The settings of all mounts with this name: `ssh` of `--mount=target=/x,type=ssh`.
    pub(super) fn mount_settings<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let mounts = self.flags().filter_map(|flag| flag.strip_prefix("--mount="));
        mounts
            .flat_map(|mount| mount.trim_matches(['"', '\'']).split(','))
            .filter_map(|setting| setting.split_once('='))
            .filter_map(move |(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// The first thing that the builder cannot do in the stages that it builds, if there is one.
pub(super) fn beyond(text: &str, builder: Builder, target: &str) -> Option<Cause> {
    // A line `# syntax=…` alone requires nothing: to the classic builder it is a comment.
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

/// The feature of an instruction that the builder lacks, and whether it is a session.
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

/// The instructions, each with its continuation lines; here-documents are skipped.
pub(super) fn instructions(text: &str) -> Vec<Instruction> {
    let escape = directive(text, "escape").map_or('\\', |(value, _)| value.chars().next().unwrap_or('\\'));
    let mut found: Vec<Instruction> = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut open: Option<Instruction> = None;
    while let Some((number, line)) = lines.next() {
        let trimmed = line.trim();
        // Comments and empty lines may stand inside an instruction.
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (part, goes_on) = match trimmed.strip_suffix(escape) {
            Some(part) => (part, true),
            None => (trimmed, false),
        };
        let instruction = match open.take() {
            Some(mut begun) => {
                begun.rest = format!("{} {part}", begun.rest);
                begun
            }
            None => Instruction::begin(part, number + 1),
        };
        if goes_on {
            open = Some(instruction);
            continue;
        }
        if matches!(instruction.word.as_str(), "RUN" | "COPY" | "ADD") {
            for end in heredocs(&instruction.rest) {
                // The end may be indented by tabs if the document began with `<<-`.
                lines
                    .by_ref()
                    .find(|(_, line)| line.trim_start_matches('\t') == end);
            }
        }
        found.push(instruction);
    }
    found.extend(open);
    found
}

/// The words that end an instruction's here-documents: `<<EOF`, `<<-"EOF"`.
fn heredocs(rest: &str) -> impl Iterator<Item = &str> {
    rest.split_whitespace().filter_map(|word| {
        let digits = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let name = digits.strip_prefix("<<")?;
        let name = name.strip_prefix('-').unwrap_or(name);
        let name = name.trim_matches(['"', '\'']);
        let begins = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        (begins && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(name)
    })
}

/// A directive's value and line. Directives stand at the very top, before anything else.
fn directive<'a>(text: &'a str, wanted: &str) -> Option<(&'a str, usize)> {
    for (number, line) in text.lines().enumerate() {
        let (name, value) = line
            .trim_start_matches('\u{feff}')
            .trim()
            .strip_prefix('#')?
            .split_once('=')?;
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some((value.trim(), number + 1));
        }
    }
    None
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
}
