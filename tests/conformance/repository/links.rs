//! Every relative link in a document leads to a file, and stays inside the published package.

use std::path::{Component, Path, PathBuf};

/// The published packages, by their directories from the top of the workspace.
const PACKAGES: [&str; 5] = [
    "engine-api",
    "isolation",
    "cli",
    "fixtures",
    "fixtures/fake-engine",
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// The Markdown files below a directory, as paths from the top.
fn documents(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(top().join(directory)).unwrap() {
        let entry = entry.unwrap();
        let path = directory.join(entry.file_name());
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type().unwrap().is_dir() {
            if !hidden && entry.file_name() != "target" {
                documents(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The targets of the relative links in a Markdown text. Code blocks and rustdoc paths are no
/// links.
fn relative_links(text: &str) -> Vec<String> {
    let mut in_code = false;
    let prose = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    });
    let prose: Vec<&str> = prose.collect();
    let prose = prose.join("\n");
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let targets = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
    targets
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains("::"))
        .map(str::to_owned)
        .collect()
}

/// Removes `..` and `.` from a path; `None` when it leads above the top.
fn clean(path: &Path) -> Option<PathBuf> {
    path.components()
        .try_fold(PathBuf::new(), |mut cleaned, part| match part {
            Component::ParentDir => cleaned.pop().then_some(cleaned),
            Component::CurDir => Some(cleaned),
            other => {
                cleaned.push(other);
                Some(cleaned)
            }
        })
}

/// The package that a document is published in.
fn package_of(document: &Path) -> Option<&'static str> {
    let holding = PACKAGES
        .into_iter()
        .filter(|package| document.starts_with(package));
    holding.max_by_key(|package| package.len())
}

/// The paths that a package does not publish, from the top of the workspace.
fn unpublished(package: &str) -> Vec<PathBuf> {
    let manifest = std::fs::read_to_string(top().join(package).join("Cargo.toml")).unwrap();
    let list = manifest.lines().find_map(|line| line.strip_prefix("exclude = ["));
    let quoted = list.unwrap_or_default().split('"').skip(1).step_by(2);
    quoted
        .map(|path| Path::new(package).join(path.trim_start_matches('/')))
        .collect()
}

/// Why a link of a document does not work.
fn broken(document: &Path, link: &str) -> Option<String> {
    let target = document.parent().unwrap().join(link);
    let Some(target) = clean(&target).filter(|target| top().join(target).exists()) else {
        return Some("no such file".into());
    };
    let package = package_of(document)?;
    if unpublished(package).iter().any(|path| document.starts_with(path)) {
        return None; // the document is not published either
    }
    let inside = package_of(&target) == Some(package);
    let published = inside && !unpublished(package).iter().any(|path| target.starts_with(path));
    (!published).then(|| format!("the package in {package} does not contain it"))
}

#[test]
fn links_in_documents_lead_to_files() {
    let mut all = Vec::new();
    documents(Path::new(""), &mut all);
    assert!(
        all.iter().any(|path| path.ends_with("engine-api/README.md")),
        "{all:?}"
    );
    let mut problems = Vec::new();
    for document in all {
        let text = std::fs::read_to_string(top().join(&document)).unwrap();
        for link in relative_links(&text) {
            if let Some(problem) = broken(&document, &link) {
                problems.push(format!("{}: {link}: {problem}", document.display()));
            }
        }
    }
    assert!(problems.is_empty(), "broken links:\n{}", problems.join("\n"));
}

#[test]
fn a_link_out_of_a_package_is_broken() {
    let readme = Path::new("engine-api/README.md");
    assert_eq!(broken(readme, "COVERAGE.md"), None);
    assert!(broken(readme, "missing.md").is_some());
    assert!(broken(readme, "../tests/README.md").is_some());
    assert!(broken(Path::new("fixtures/README.md"), "recordings").is_some());
    assert_eq!(broken(Path::new("README.md"), "tests/README.md"), None);
}
