//! The tables in `fixtures/spec`, as one version of the description has them.

use std::collections::BTreeMap;

use crate::spec::exceptions::CORRECTIONS;

/// The versions in the tables.
pub(crate) const VERSIONS: [&str; 4] = ["1.41", "1.45", "1.51", "1.56"];

/// A property of a definition. The property without a name gives the type of a definition that is
/// not an object.
#[derive(Debug)]
pub(crate) struct Field {
    /// The name of the property.
    pub(crate) name: &'static str,
    /// The type; see [`Kind`].
    pub(crate) kind: &'static str,
    /// The enum values, if they are listed.
    pub(crate) words: Vec<&'static str>,
}

/// A type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// `[T]`, or `[T;2]` with a fixed length.
    List(&'a str, usize),
    /// `{T}`: a map from names to values.
    Map(&'a str),
    /// A string.
    Text,
    /// Bytes, in base64.
    Bytes,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// A boolean.
    Flag,
    /// An object without a description.
    Object,
    /// A definition, by its name.
    Definition(&'a str),
}

impl<'a> Kind<'a> {
    /// Parses a type of the tables.
    pub(crate) fn of(text: &'a str) -> Self {
        let inside = |open, close| text.strip_prefix(open)?.strip_suffix(close);
        if let Some(list) = inside('[', ']') {
            let (element, length) = list.rsplit_once(';').unwrap_or((list, "1"));
            return match length.parse() {
                Ok(length) => Self::List(element, length),
                Err(_) => Self::List(list, 1),
            };
        }
        if let Some(value) = inside('{', '}') {
            return Self::Map(value);
        }
        match text {
            "string" => Self::Text,
            "base64" => Self::Bytes,
            "integer" => Self::Whole,
            "number" => Self::Number,
            "boolean" => Self::Flag,
            "object" => Self::Object,
            name => Self::Definition(name),
        }
    }
}

/// The rows of a table that apply to `version` according to the last column, without that column.
pub(crate) fn rows<const N: usize>(
    table: &'static str,
    version: &str,
) -> impl Iterator<Item = [&'static str; N]> {
    let has = |versions: &str| versions == "all" || versions.split(',').any(|one| one == version);
    let rows = table.lines().skip(1).filter_map(move |line| {
        let (row, versions) = line.rsplit_once('\t').unwrap();
        let columns: Vec<&str> = row.split('\t').collect();
        has(versions).then(|| columns.try_into().unwrap())
    });
    rows.collect::<Vec<_>>().into_iter()
}

/// One version of the description.
#[derive(Debug)]
pub(crate) struct Description {
    /// The version.
    pub(crate) version: &'static str,
    definitions: BTreeMap<&'static str, Vec<Field>>,
}

impl Description {
    /// Reads the tables.
    pub(crate) fn of(version: &'static str) -> Self {
        let mut definitions: BTreeMap<_, Vec<Field>> = BTreeMap::new();
        for [definition, name, kind, words] in
            rows(include_str!("../../../fixtures/spec/fields.tsv"), version)
        {
            let words = words.split(',').filter(|word| !word.is_empty()).collect();
            let wrong = CORRECTIONS
                .iter()
                .find(|(place, of, _)| (*place, *of) == (definition, name));
            let kind = wrong.map_or(kind, |(_, _, right)| right);
            let field = Field { name, kind, words };
            definitions.entry(definition).or_default().push(field);
        }
        Self { version, definitions }
    }

    /// Every version.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        VERSIONS.into_iter().map(Self::of)
    }

    /// The fields of a definition.
    pub(crate) fn fields(&self, definition: &str) -> &[Field] {
        let found = self.definitions.get(definition);
        found.unwrap_or_else(|| panic!("{} has no definition {definition}", self.version))
    }

    /// The names of the definitions.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &'static str> {
        self.definitions.keys().copied()
    }

    /// The bodies of requests and replies: the operation, `body` or `reply`, the type.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = [&'static str; 3]> {
        rows(include_str!("../../../fixtures/spec/bodies.tsv"), self.version)
    }

    /// The examples: the definition, the property (empty for the whole definition), the JSON text.
    pub(crate) fn examples(&self) -> impl Iterator<Item = [&'static str; 3]> {
        rows(include_str!("../../../fixtures/spec/examples.tsv"), self.version)
    }

    /// The keys of filters: the operation, the key.
    pub(crate) fn filters(&self) -> impl Iterator<Item = [&'static str; 2]> {
        rows(include_str!("../../../fixtures/spec/filters.tsv"), self.version)
    }

    /// The parameters: the operation, `query` or `header`, the name, the type.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = [&'static str; 4]> {
        rows(
            include_str!("../../../fixtures/spec/parameters.tsv"),
            self.version,
        )
    }
}

#[test]
fn corrections_name_existing_fields() {
    let all: Vec<Description> = Description::all().collect();
    for (definition, name, _) in CORRECTIONS {
        let mut fields = all
            .iter()
            .filter_map(|described| described.definitions.get(definition));
        assert!(
            fields.any(|fields| fields.iter().any(|field| field.name == *name)),
            "{definition}.{name}"
        );
    }
}

#[test]
fn types_are_parsed() {
    assert_eq!(Kind::of("[integer;2]"), Kind::List("integer", 2));
    assert_eq!(Kind::of("[[string]]"), Kind::List("[string]", 1));
    assert_eq!(Kind::of("{[PortBinding]}"), Kind::Map("[PortBinding]"));
    assert_eq!(Kind::of("Mount"), Kind::Definition("Mount"));
}
