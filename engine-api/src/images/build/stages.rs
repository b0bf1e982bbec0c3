//! The stages of a Dockerfile that a builder builds.

use super::Builder;
use super::instructions::Instruction;

/// A stage: one `FROM`, and the instructions up to the next.
#[derive(Default)]
struct Stage<'a> {
    /// The name after `AS`, or empty.
    name: &'a str,
    /// The images or stages of its `FROM` and `COPY --from`.
    sources: Vec<&'a str>,
}

/// For each instruction, whether it is in a stage that is built for the target. The target is a
/// name or a number; empty is the last stage.
pub(super) fn built(instructions: &[Instruction], builder: Builder, target: &str) -> Vec<bool> {
    let (stages, stage_of) = stages(instructions);
    let built = built_stages(&stages, builder, target);
    stage_of
        .into_iter()
        .map(|stage| stage.is_some_and(|stage| built[stage]))
        .collect()
}

/// The sources of the stages that are built, without other stages.
pub(super) fn images<'a>(instructions: &'a [Instruction], builder: Builder, target: &str) -> Vec<&'a str> {
    let (stages, _) = stages(instructions);
    let built = built_stages(&stages, builder, target);
    let mut images = Vec::new();
    for (at, stage) in stages.iter().enumerate().filter(|(at, _)| built[*at]) {
        let sources = stage.sources.iter().copied();
        images.extend(sources.filter(|source| find(&stages[..at], source).is_none()));
    }
    images
}

/// The stages, and for each instruction the number of its stage; `None` before the first.
fn stages(instructions: &[Instruction]) -> (Vec<Stage<'_>>, Vec<Option<usize>>) {
    let mut stages: Vec<Stage<'_>> = Vec::new();
    let mut stage_of = Vec::with_capacity(instructions.len());
    for instruction in instructions {
        if instruction.word == "FROM" {
            stages.push(begin(instruction));
        }
        if let Some(stage) = stages.last_mut() {
            let flags = instruction.flags();
            stage
                .sources
                .extend(flags.filter_map(|flag| flag.strip_prefix("--from=")));
            stage.sources.extend(instruction.mount_settings("from"));
        }
        stage_of.push(stages.len().checked_sub(1));
    }
    (stages, stage_of)
}

/// Marks the stages that are built.
fn built_stages(stages: &[Stage<'_>], builder: Builder, target: &str) -> Vec<bool> {
    let last = find(stages, target).or(stages.len().checked_sub(1));
    let mut built = vec![builder == Builder::Classic; stages.len()];
    match (builder, last) {
        // The classic builder builds all stages, needed or not.
        (Builder::Classic, Some(last)) => built[last + 1..].fill(false),
        (Builder::BuildKit, Some(last)) => reach(stages, last, &mut built),
        (_, None) => {}
    }
    built
}

fn begin(from: &Instruction) -> Stage<'_> {
    let mut words = from
        .rest
        .split_whitespace()
        .skip_while(|word| word.starts_with("--"));
    let base = words.next().unwrap_or_default();
    let named = words.next().is_some_and(|word| word.eq_ignore_ascii_case("as"));
    Stage {
        name: words.next().filter(|_| named).unwrap_or_default(),
        sources: vec![base],
    }
}

/// The last stage with this name, or with this number.
fn find(stages: &[Stage<'_>], wanted: &str) -> Option<usize> {
    let named = |stage: &Stage<'_>| !wanted.is_empty() && stage.name.eq_ignore_ascii_case(wanted);
    let number = || wanted.parse().ok().filter(|number| *number < stages.len());
    stages.iter().rposition(named).or_else(number)
}

/// Marks a stage and its dependencies. A source is an earlier stage, or an image.
fn reach(stages: &[Stage<'_>], stage: usize, built: &mut [bool]) {
    let mut open = vec![stage];
    while let Some(stage) = open.pop() {
        if !std::mem::replace(&mut built[stage], true) {
            let sources = stages[stage].sources.iter();
            open.extend(sources.filter_map(|source| find(&stages[..stage], source)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::build::instructions::instructions;

    /// The first letters of the `RUN` instructions that are built.
    fn runs(text: &str, builder: Builder, target: &str) -> String {
        let all = instructions(text);
        let built = built(&all, builder, target);
        all.iter()
            .zip(built)
            .filter(|(instruction, built)| *built && instruction.word == "RUN")
            .map(|(instruction, _)| instruction.rest.rsplit(' ').next().unwrap())
            .collect()
    }

    const TEXT: &str = "ARG X=1\nFROM i\nRUN a\nFROM --platform=x i AS Two\nRUN b\n\
        FROM i as three\nCOPY --from=0 x y\nRUN c\nFROM i AS four\n\
        RUN --mount=type=bind,from=two,target=/x d\nFROM three AS five\nRUN e\nFROM $X\nRUN f";

    #[test]
    fn buildkit_builds_the_stages_that_the_target_needs() {
        for (target, expected) in [
            ("", "f"),
            ("FIVE", "ace"),
            ("four", "bd"),
            ("two", "b"),
            ("0", "a"),
            ("2", "ac"),
            ("missing", "f"),
        ] {
            assert_eq!(runs(TEXT, Builder::BuildKit, target), expected, "{target}");
        }
    }

    #[test]
    fn classic_builds_every_stage_up_to_the_target() {
        for (target, expected) in [("", "abcdef"), ("three", "abc"), ("0", "a")] {
            assert_eq!(runs(TEXT, Builder::Classic, target), expected, "{target}");
        }
    }

    #[test]
    fn stage_that_copies_from_itself_has_an_end() {
        let text = "FROM a AS a\nCOPY --from=a x y\nRUN a\nFROM a AS a\nCOPY --from=1 x y\nRUN b";
        assert_eq!(runs(text, Builder::BuildKit, "a"), "ab");
        assert_eq!(runs("RUN a\n", Builder::BuildKit, ""), "");
        // Two stages need the same one.
        let text = "FROM i AS a\nRUN a\nFROM a AS b\nRUN b\nFROM a AS c\nCOPY --from=b x y\nRUN c";
        assert_eq!(runs(text, Builder::BuildKit, "c"), "abc");
    }
}
