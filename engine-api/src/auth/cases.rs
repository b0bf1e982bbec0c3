//! Tables of configurations and images, and the credentials that must come of them.

use super::{Credentials, DOCKER_HUB, FoundCredentials};

async fn find(config: &str, image: &str) -> FoundCredentials {
    let credentials = Credentials::from_json(config.as_bytes()).unwrap();
    credentials.find(&image.parse().unwrap()).await
}

/// `YTpi` is `a:b`.
const TABLE: [(&str, &str, &str); 13] = [
    (
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}}}"#,
        "alpine",
        "a:b",
    ),
    (
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}}}"#,
        "docker.io/me/app:1",
        "a:b",
    ),
    (
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}}}"#,
        "index.docker.io/me/app",
        "a:b",
    ),
    (r#"{"auths":{"docker.io":{"auth":"YTpi"}}}"#, "alpine", "a:b"),
    (
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}}}"#,
        "reg.example.com/app",
        "",
    ),
    (r#"{"auths":{"reg:5000":{"auth":"YTpi"}}}"#, "reg:5000/app", "a:b"),
    (r#"{"auths":{"reg:5000":{"auth":"YTpi"}}}"#, "reg:5001/app", ""),
    (
        r#"{"auths":{"https://reg:5000/v1/":{"auth":"YTpi"}}}"#,
        "reg:5000/app",
        "a:b",
    ),
    (
        r#"{"auths":{"http://reg:5000":{"auth":"YQ=="},"reg:5000":{"auth":"YTpi"}}}"#,
        "reg:5000/app",
        "a:b",
    ),
    (
        r#"{"auths":{"reg:5000":{"username":"a","password":"b"}}}"#,
        "reg:5000/app",
        "a:b",
    ),
    (
        r#"{"auths":{"reg:5000":{"auth":"YTo=","identitytoken":"t"}}}"#,
        "reg:5000/app",
        "a:+t",
    ),
    (r#"{"auths":{"reg:5000":{}}}"#, "reg:5000/app", ""),
    ("{}", "alpine", ""),
];

#[tokio::test]
async fn a_file_and_an_image_give_credentials() {
    for (config, image, wanted) in TABLE {
        let found = find(config, image).await;
        let auth = found.auth.unwrap_or_default();
        let mut shown = match auth.username.as_str() {
            "" => String::new(),
            user => format!("{user}:{}", auth.password),
        };
        if !auth.identity_token.is_empty() {
            shown = format!("{shown}+{}", auth.identity_token);
        }
        assert_eq!(shown, wanted, "{config} {image}");
        assert_eq!(auth.auth, "", "what is sent is not what is stored");
        assert_eq!(found.warnings, [""; 0], "{config} {image}");
    }
}

#[tokio::test]
async fn a_registry_is_told_by_its_key() {
    let hub = r#"{"auths":{"docker.io":{"auth":"YTpi"}}}"#;
    let auth = find(hub, "alpine").await.auth.unwrap();
    assert_eq!(auth.server_address, DOCKER_HUB);
    let all = Credentials::from_json(hub.as_bytes()).unwrap().all().await;
    assert_eq!(all.registries[DOCKER_HUB], auth);
}

#[tokio::test]
async fn a_helper_that_is_missing_is_a_warning_and_the_file_is_asked() {
    let config = r#"{"credsStore":"ptest-missing","auths":{"reg:5000":{"auth":"YTpi"}}}"#;
    let found = find(config, "reg:5000/app").await;
    assert_eq!(found.auth.unwrap().username, "a");
    assert!(found.warnings[0].contains("docker-credential-ptest-missing"));
    let found = find(r#"{"credHelpers":{"reg:5000":"../x"}}"#, "reg:5000/app").await;
    assert!(found.auth.is_none() && found.warnings[0].contains("no name"));
    let all = Credentials::from_json(config.as_bytes()).unwrap().all().await;
    assert_eq!(all.registries["reg:5000"].username, "a");
    assert_eq!(all.warnings.len(), 1, "the same is said once: {:?}", all.warnings);
}

#[cfg(unix)]
mod helpers {
    use super::super::helper::{ask_program, list_program};
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    /// A script in the place of a helper. It is asked by its path, so that no test changes `PATH`.
    fn helper(script: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("helper");
        std::fs::write(&file, format!("#!/bin/sh\nread server\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    fn with_helper<T>(script: &str, ask: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
        let folder = helper(script);
        let program = folder.path().join("helper").display().to_string();
        loop {
            let said = ask(&program);
            // Another test that starts a program just now may hold the script open for writing.
            if !said.as_ref().is_err_and(|why| why.contains("busy")) {
                return said;
            }
        }
    }

    const PATIENCE: Duration = Duration::from_secs(3);

    fn answer(script: &str) -> Result<Option<super::super::RegistryAuth>, String> {
        with_helper(script, |program| ask_program(program, "reg:5000", PATIENCE))
    }

    #[test]
    fn what_a_helper_says_is_understood() {
        let auth = answer(r#"echo "{\"Username\":\"$server\",\"Secret\":\"$1\"}""#)
            .unwrap()
            .unwrap();
        assert_eq!(
            (auth.username.as_str(), auth.password.as_str()),
            ("reg:5000", "get")
        );
        let auth = answer(r#"echo '{"Username":"<token>","Secret":"t"}'"#)
            .unwrap()
            .unwrap();
        assert_eq!((auth.username.as_str(), auth.identity_token.as_str()), ("", "t"));
        let none = answer("echo credentials not found in native keychain; exit 1");
        assert_eq!(none, Ok(None));
        assert!(answer("echo locked; exit 1").unwrap_err().contains("locked"));
        let wrong = answer("echo hunter2").unwrap_err();
        assert!(
            wrong.contains("cannot be read") && !wrong.contains("hunter2"),
            "{wrong}"
        );
    }

    #[test]
    fn a_helper_that_hangs_is_not_waited_for() {
        let wrong = answer("exec sleep 30").unwrap_err();
        assert!(wrong.contains("does not answer"), "{wrong}");
    }
    #[test]
    fn a_store_lists_its_registries() {
        let list = |script| with_helper(script, |program| list_program(program, PATIENCE));
        let listed = list(r#"echo "{\"https://reg:5000\":\"$1\",\"reg.example.com\":\"b\"}""#);
        assert_eq!(listed.unwrap(), ["https://reg:5000", "reg.example.com"]);
        assert!(list("echo locked; exit 1").unwrap_err().contains("locked"));
        let wrong = list("echo hunter2").unwrap_err();
        assert!(
            wrong.contains("cannot be read") && !wrong.contains("hunter2"),
            "{wrong}"
        );
    }
}
