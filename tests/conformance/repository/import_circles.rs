//! No module imports another one in a circle.
//!
//! An import is a `use` line. A re-export (`pub use`) is followed to the module that has the item,
//! and is not an import of its own. A module is made of the modules inside it, so what it imports
//! from them does not count; what they import from it does. Modules of tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The directories with the sources of the crates.
const SOURCES: [&str; 6] = [
    "engine-api/src",
    "fixtures/src",
    "fixtures/fake-engine/src",
    "isolation/src",
    "cli/src",
    "tests/src",
];

/// The path of a module or an item from the root of its crate.
type Name = Vec<String>;

/// A `use` line: the path as it is written, the name in this module, and whether it is a re-export.
struct Import {
    path: Name,
    name: String,
    public: bool,
}

type Modules = BTreeMap<Name, Vec<Import>>;

/// The text without its modules of tests, which are the last ones of a file.
fn without_tests(text: &str) -> &str {
    let start = text.match_indices("#[cfg(").find(|(at, _)| {
        let mut lines = text[*at..].lines();
        let condition = lines.next().unwrap();
        let rest = lines.next().unwrap_or_default();
        (condition == "#[cfg(test)]" || condition.starts_with("#[cfg(all(test,"))
            && rest.starts_with("mod ")
            && rest.ends_with('{')
    });
    start.map_or(text, |(at, _)| &text[..at])
}

/// The paths in a tree of imports, such as `a::{b, c::{self, d as e}}`, with the name of each.
fn expand(prefix: &[String], tree: &str, into: &mut Vec<(Name, String)>) {
    let tree = tree.trim();
    if tree.is_empty() {
        return;
    }
    if let Some((start, rest)) = tree.split_once('{') {
        let mut path = prefix.to_vec();
        path.extend(
            start
                .split("::")
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned),
        );
        let inner = rest.rsplit_once('}').unwrap().0;
        let (mut depth, mut from) = (0, 0);
        for (at, character) in inner.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(&path, &inner[from..at], into);
                    from = at + 1;
                }
                _ => {}
            }
        }
        return expand(&path, &inner[from..], into);
    }
    let (path, alias) = tree
        .split_once(" as ")
        .map_or((tree, None), |(path, alias)| (path, Some(alias)));
    let mut whole = prefix.to_vec();
    whole.extend(path.split("::").map(|part| part.trim().to_owned()));
    if whole.len() > 1 && whole.last().unwrap() == "self" {
        whole.pop();
    }
    let name = alias.map_or_else(|| whole.last().unwrap().clone(), |alias| alias.trim().to_owned());
    into.push((whole, name));
}

/// The imports at the beginning of a line; those within functions count, too.
fn imports(text: &str) -> Vec<Import> {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        let visible = start
            .strip_prefix("pub")
            .map(|rest| match rest.strip_prefix('(') {
                Some(scope) => scope.split_once(')').unwrap().1,
                None => rest,
            });
        if let Some(tree) = visible.unwrap_or(start).trim_start().strip_prefix("use ") {
            let from = offset + line.len() - tree.len();
            let tree = text[from..].split(';').next().unwrap();
            let is_import = |character: char| character.is_alphanumeric() || "_:{}, \n".contains(character);
            let mut paths = Vec::new();
            if tree.chars().all(is_import) {
                expand(&[], tree, &mut paths); // not a line of a text that begins with this word
            }
            let public = visible.is_some();
            found.extend(
                paths
                    .into_iter()
                    .map(|(path, name)| Import { path, name, public }),
            );
        }
        offset += line.len();
    }
    found
}

fn modules(directory: &Path, name: &[String], into: &mut Modules) {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut inner = name.to_vec();
        if !["lib", "main", "mod"].contains(&stem.as_str()) {
            inner.push(stem.clone());
        }
        if path.is_dir() {
            modules(&path, &inner, into);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !["tests", "cases"].contains(&stem.as_str())
        {
            let text = fs::read_to_string(&path).unwrap();
            into.insert(inner, imports(without_tests(&text)));
        }
    }
}

/// The path from the root of the crate; `None` for an item of another crate.
fn absolute(module: &[String], path: &[String], modules: &Modules) -> Option<Name> {
    let (mut base, mut rest) = match path[0].as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (module.to_vec(), &path[1..]),
        "super" => (module.to_vec(), path),
        child => {
            let mut own = module.to_vec();
            own.push(child.to_owned());
            if !modules.contains_key(&own) {
                return None;
            }
            (module.to_vec(), path)
        }
    };
    while rest.first().is_some_and(|part| part == "super") {
        base.pop();
        rest = &rest[1..];
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

/// The module that has the item of a path, re-exports followed.
fn home(path: &[String], modules: &Modules) -> Name {
    let length = (0..=path.len())
        .rev()
        .find(|length| modules.contains_key(&path[..*length]))
        .unwrap();
    let module = &path[..length];
    let Some(name) = path.get(length) else {
        return module.to_vec();
    };
    let reexport = modules[module]
        .iter()
        .find(|import| import.public && import.name == *name);
    match reexport.and_then(|import| absolute(module, &import.path, modules)) {
        Some(mut target) => {
            target.extend(path[length + 1..].iter().cloned());
            home(&target, modules)
        }
        None => module.to_vec(),
    }
}

/// The modules that each module imports.
fn edges(modules: &Modules) -> BTreeMap<&Name, BTreeSet<Name>> {
    let targets = |module: &Name, imports: &[Import]| {
        let paths = imports.iter().filter(|import| !import.public);
        let homes = paths.filter_map(|import| Some(home(&absolute(module, &import.path, modules)?, modules)));
        homes.filter(|home| !home.starts_with(module)).collect()
    };
    modules
        .iter()
        .map(|(module, imports)| (module, targets(module, imports)))
        .collect()
}

/// The modules that a module reaches by imports.
fn reached(from: &Name, edges: &BTreeMap<&Name, BTreeSet<Name>>) -> BTreeSet<Name> {
    let (mut found, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(module) = waiting.pop() {
        for next in edges.get(module).into_iter().flatten() {
            if found.insert(next.clone()) {
                waiting.push(edges.get_key_value(next).unwrap().0);
            }
        }
    }
    found
}

/// The groups of modules that import each other in a circle, with the imports between them.
fn circles(modules: &Modules) -> Vec<String> {
    let edges = edges(modules);
    let reached: BTreeMap<&Name, BTreeSet<Name>> = edges
        .keys()
        .map(|module| (*module, reached(module, &edges)))
        .collect();
    let (mut found, mut seen) = (Vec::new(), BTreeSet::<&Name>::new());
    for (module, others) in &reached {
        if !others.contains(*module) || seen.contains(module) {
            continue;
        }
        let group: BTreeSet<&Name> = others
            .iter()
            .filter(|other| reached[other].contains(*module))
            .collect();
        let mut lines = Vec::new();
        for from in &group {
            for to in edges[*from].iter().filter(|to| group.contains(to)) {
                lines.push(format!("  {} -> {}", from.join("::"), to.join("::")));
            }
        }
        seen.extend(reached.keys().filter(|module| group.contains(*module)));
        found.push(lines.join("\n"));
    }
    found
}

#[test]
fn modules_import_each_other_in_no_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for source in SOURCES {
        let mut all = Modules::new();
        modules(&root.join(source), &[], &mut all);
        found.extend(circles(&all).iter().map(|circle| format!("{source}:\n{circle}")));
    }
    assert!(
        found.is_empty(),
        "modules import each other in a circle:\n{}",
        found.join("\n")
    );
}

#[test]
fn circle_through_a_reexport_is_found() {
    let texts = [
        ("", "mod a;\nmod b;\npub use self::b::B;\n"),
        ("a", "use super::B;\n"),
        (
            "b",
            "use crate::{a::{self, A as Other}};\n#[cfg(test)]\nmod tests {\n    use super::super::c::C;\n}\n",
        ),
        ("c", "use super::a::A;\n"),
    ];
    let name = |name: &str| {
        name.split("::")
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let modules = texts
        .map(|(module, text)| (name(module), imports(without_tests(text))))
        .into();
    assert_eq!(circles(&modules), ["  a -> b\n  b -> a"]);
}
