//! Tests of the directory of images.

use super::*;

#[test]
fn directory_of_images_is_that_of_the_user() {
    let of = |is_root, cache: Option<&str>, home: Option<&str>| {
        cache_directory(is_root, |name| match name {
            "XDG_CACHE_HOME" => cache.map(Into::into),
            _ => home.map(Into::into),
        })
    };
    for (is_root, cache, home, expected) in [
        (false, Some("/c"), Some("/h"), "/c/isolate/sandbox"),
        (true, Some("/c"), Some("/h"), "/c/isolate/sandbox"),
        (false, Some("c"), Some("/h"), "/h/.cache/isolate/sandbox"),
        // The root of an environment cannot enter that of root.
        (true, None, Some("/root"), "/var/cache/isolate/sandbox"),
    ] {
        assert_eq!(of(is_root, cache, home).unwrap(), Path::new(expected));
    }
    for home in [None, Some("h")] {
        let error = of(false, None, home).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(
            error.to_string().contains("set HOME or XDG_CACHE_HOME"),
            "{error}"
        );
    }
}
