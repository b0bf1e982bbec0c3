//! Tests of images whose description is damaged.

use std::fs;
use std::path::Path;

use super::*;

/// A layout of files by name, or by their digest without one.
fn layout(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("blobs/sha256")).unwrap();
    for (name, text) in files {
        let name = match *name {
            "" => format!("blobs/sha256/{}", Digest::of(text.as_bytes())),
            name => name.to_owned(),
        };
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn why(directory: &Path) -> String {
    let error = Blobs::Directory(directory.to_owned()).describe(None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    error.to_string()
}

/// The reason why an archive of `docker save` with this configuration is refused.
fn of_saved(config: &str, layers: &str) -> String {
    let id = Digest::of(config.as_bytes());
    let manifest = format!(r#"[{{"Config":"blobs/sha256/{id}","Layers":[{layers}]}}]"#);
    why(layout(&[("manifest.json", &manifest), ("", config)]).path())
}

fn config(layers: &str) -> String {
    let here = Platform::here();
    format!(
        r#"{{"architecture":"{}","os":"{}","rootfs":{{"diff_ids":[{layers}]}}}}"#,
        here.architecture, here.os
    )
}

#[test]
fn configuration_that_is_damaged_is_refused() {
    assert!(of_saved("[]", "").contains("the configuration is damaged"));
    let text = of_saved(&config(""), r#""a","b""#);
    assert!(text.contains("and 0 digests of layers"), "{text}");
    let text = of_saved(&config(r#""md5:1""#), r#""a""#);
    assert!(text.contains("is not a digest of SHA-256"), "{text}");
    // The name of the file is not the digest of its content.
    let id = Digest::of(b"other");
    let manifest = format!(r#"[{{"Config":"{id}.json","Layers":[]}}]"#);
    let name = format!("{id}.json");
    let directory = layout(&[("manifest.json", &manifest), (&name, &config(""))]);
    let text = why(directory.path());
    assert!(
        text.contains(&format!(
            "the digest of the configuration of the image is not sha256:{id}"
        )),
        "{text}"
    );
}

#[test]
fn manifest_of_a_layout_that_is_damaged_is_refused() {
    let of = |text: &str| format!("sha256:{}", Digest::of(text.as_bytes()));
    let manifest = format!(r#"{{"config":{{"digest":"{}"}},"layers":[]}}"#, of("[]"));
    let index = format!(r#"{{"manifests":[{{"digest":"{}"}}]}}"#, of(&manifest));
    let directory = layout(&[("index.json", &index), ("", &manifest), ("", "[]")]);
    let text = why(directory.path());
    assert!(text.contains("the configuration is damaged"), "{text}");
    // Right digests, and a size that is too small, too large or impossible.
    let config = config("");
    for (of_manifest, of_config, words) in [
        (Some(1 << 62), None, "the manifest has "),
        (Some(0), None, "the manifest has "),
        (None, Some(u64::MAX), "the configuration of the image has "),
        (None, Some(1), "the configuration of the image has "),
    ] {
        let size = |wrong: Option<u64>, text: &str| wrong.unwrap_or(text.len() as u64);
        let (digest, wrong) = (of(&config), size(of_config, &config));
        let manifest = format!(r#"{{"config":{{"digest":"{digest}","size":{wrong}}},"layers":[]}}"#);
        let (digest, wrong) = (of(&manifest), size(of_manifest, &manifest));
        let index = format!(r#"{{"manifests":[{{"digest":"{digest}","size":{wrong}}}]}}"#);
        let directory = layout(&[("index.json", &index), ("", &manifest), ("", &config)]);
        let text = why(directory.path());
        let instead = of_manifest.or(of_config).unwrap_or_default();
        let instead = format!("bytes instead of {instead}");
        assert!(text.contains(words) && text.contains(&instead), "{text}");
    }
    for size in ["-1", "1.5", "18446744073709551616", r#""1""#] {
        let index = format!(r#"{{"manifests":[{{"digest":"{}","size":{size}}}]}}"#, of("x"));
        let text = why(layout(&[("index.json", &index)]).path());
        assert!(text.contains("index.json is damaged"), "{text}");
    }
    let long = " ".repeat((16 << 20) + 1);
    let text = why(layout(&[("index.json", &long)]).path());
    assert!(text.contains("index.json has more than 16 MiB"), "{text}");
}
