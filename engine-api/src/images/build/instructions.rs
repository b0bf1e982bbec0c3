//! The instructions of a Dockerfile.

/// An instruction with its arguments, and the number of its first line.
pub(super) struct Instruction {
    pub(super) word: String,
    pub(super) rest: String,
    pub(super) line: usize,
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

/// The instructions, each with its continuation lines; here-documents are skipped.
pub(super) fn instructions(text: &str) -> Vec<Instruction> {
    let escape = directive(text, "escape").map_or('\\', |(value, _)| value.chars().next().unwrap_or('\\'));
    let mut found: Vec<Instruction> = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut open: Option<Instruction> = None;
    while let Some((number, line)) = lines.next() {
        let trimmed = line.trim();
        // An instruction may contain comments and empty lines.
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
pub(super) fn heredocs(rest: &str) -> impl Iterator<Item = &str> {
    rest.split_whitespace().filter_map(|word| {
        let digits = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let name = digits.strip_prefix("<<")?;
        let name = name.strip_prefix('-').unwrap_or(name);
        let name = name.trim_matches(['"', '\'']);
        let begins = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        (begins && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(name)
    })
}

/// The value and the line of a directive. Directives are at the top, before everything else.
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
