//! Tables of configurations and images with the credentials that must be found.

use super::{Credentials, DOCKER_HUB, FoundCredentials, RegistryAuth};
use crate::error::{Cause, Error};

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
async fn credentials_are_found_by_file_and_image() {
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
        assert_eq!(auth.auth, "", "the header differs from the file");
        assert_eq!(found.warnings, [""; 0], "{config} {image}");
    }
}

#[tokio::test]
async fn registry_has_one_key_in_all_forms() {
    let hub = r#"{"auths":{"docker.io":{"auth":"YTpi"}}}"#;
    let auth = find(hub, "alpine").await.auth.unwrap();
    assert_eq!(auth.server_address, DOCKER_HUB);
    let all = Credentials::from_json(hub.as_bytes()).unwrap().all().await;
    assert_eq!(all.registries[DOCKER_HUB], auth);
}

#[tokio::test]
async fn newer_credentials_are_others_after_a_rejection() {
    let config = r#"{"auths":{"reg:5000":{"auth":"YTpi"}}}"#;
    let credentials = Credentials::from_json(config.as_bytes()).unwrap();
    let error = |message: &str| {
        let cause = Cause::Stream {
            message: message.into(),
            code: None,
        };
        Error::local(cause).in_call("ImagePush", Some("reg:5000/app"))
    };
    let rejection = error("unauthorized: authentication required");
    let newer = async |image: &str, rejected: Option<&RegistryAuth>, error: &Error| {
        credentials.newer(&image.parse().unwrap(), rejected, error).await
    };
    let found = newer("reg:5000/app", None, &rejection).await.unwrap();
    assert_eq!((found.username.as_str(), found.password.as_str()), ("a", "b"));
    let expired = RegistryAuth::user("a", "old");
    let again = newer("reg:5000/app", Some(&expired), &rejection).await;
    assert_eq!(again.as_ref(), Some(&found));
    assert_eq!(
        newer("reg:5000/app", Some(&found), &rejection).await,
        None,
        "the same"
    );
    assert_eq!(
        newer("other:5000/app", None, &rejection).await,
        None,
        "nothing is stored"
    );
    let other = error("no space left on device");
    assert_eq!(newer("reg:5000/app", None, &other).await, None, "no rejection");
}

#[tokio::test]
async fn missing_helper_is_a_warning_and_the_file_counts() {
    let config = r#"{"credsStore":"ptest-missing","auths":{"reg:5000":{"auth":"YTpi"}}}"#;
    let found = find(config, "reg:5000/app").await;
    assert_eq!(found.auth.unwrap().username, "a");
    assert!(found.warnings[0].contains("docker-credential-ptest-missing"));
    let found = find(r#"{"credHelpers":{"reg:5000":"../x"}}"#, "reg:5000/app").await;
    assert!(found.auth.is_none() && found.warnings[0].contains("invalid name"));
    let all = Credentials::from_json(config.as_bytes()).unwrap().all().await;
    assert_eq!(all.registries["reg:5000"].username, "a");
    assert_eq!(
        all.warnings.len(),
        1,
        "each warning occurs once: {:?}",
        all.warnings
    );
}

#[tokio::test]
async fn unreadable_file_is_a_warning_with_its_path() {
    // No user can read a directory as a file, so this also fails for root.
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("config.json")).unwrap();
    let directory = home.path().display().to_string();
    let credentials = Credentials::read(|name| (name == "DOCKER_CONFIG").then(|| directory.clone())).unwrap();
    let found = credentials.find(&"alpine".parse().unwrap()).await;
    assert!(
        found.auth.is_none() && found.warnings[0].contains("config.json"),
        "{found:?}"
    );
    assert_eq!(credentials.all().await.warnings, found.warnings);
}

#[tokio::test]
async fn variable_precedes_the_file() {
    let home = tempfile::tempdir().unwrap();
    let file = r#"{"auths":{"reg:5000":{"auth":"Yzpk"},"other":{"auth":"Yzpk"}}}"#;
    std::fs::write(home.path().join("config.json"), file).unwrap();
    let directory = home.path().display().to_string();
    let of = |text: &'static str| {
        Credentials::read(|name| match name {
            "DOCKER_AUTH_CONFIG" => Some(text.to_owned()),
            "DOCKER_CONFIG" => Some(directory.clone()),
            _ => None,
        })
    };
    let all = of(r#"{"auths":{"reg:5000":{"auth":"YTpi"}}}"#)
        .unwrap()
        .all()
        .await;
    let users = ["reg:5000", "other"].map(|registry| all.registries[registry].username.as_str());
    assert_eq!(users, ["a", "c"]);
    let error = of("hunter2").unwrap_err().to_string();
    assert!(
        error.contains("DOCKER_AUTH_CONFIG") && !error.contains("hunter2"),
        "{error}"
    );
}

#[tokio::test]
async fn system_without_a_home_has_no_credentials() {
    let nothing = Credentials::read(|_| None).unwrap();
    let found = nothing.find(&"alpine".parse().unwrap()).await;
    assert_eq!(found, FoundCredentials::default());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn installed_helper_is_asked_without_a_file() {
    let name = "docker-credential-secretservice";
    let (_directory, path) = super::platform_helper::tests::with_programs(&[name]);
    let credentials = Credentials::read(|name| match name {
        "DOCKER_CONFIG" => Some("/no/such/directory".to_owned()),
        "PATH" => Some(path.clone()),
        _ => None,
    });
    // The helper is started by its name, which the PATH of this process need not have.
    let found = credentials.unwrap().find(&"reg:5000/app".parse().unwrap()).await;
    assert!(found.warnings[0].contains(name), "{found:?}");
}

#[cfg(unix)]
mod helpers {
    use super::super::helper::{erase_in, get_from, list_from, store_in};
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    /// A script instead of a helper. It is called by its path, so that no test changes `PATH`.
    fn helper(script: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("helper");
        std::fs::write(&file, format!("#!/bin/sh\nread server\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        directory
    }

    fn with_helper<T>(script: &str, ask: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
        let directory = helper(script);
        let program = directory.path().join("helper").display().to_string();
        loop {
            let said = ask(&program);
            // Another test that starts a program at this moment may keep the script open for
            // writing.
            if !said.as_ref().is_err_and(|why| why.contains("busy")) {
                return said;
            }
        }
    }

    /// Long enough for a program on a busy machine. Only a helper that never exits reaches it.
    const TIMEOUT: Duration = Duration::from_secs(3);

    fn answer(script: &str) -> Result<Option<super::super::RegistryAuth>, String> {
        with_helper(script, |program| get_from(program, "reg:5000", TIMEOUT))
    }

    #[test]
    fn helper_replies_are_read() {
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
        assert!(wrong.contains("invalid") && !wrong.contains("hunter2"), "{wrong}");
    }

    #[test]
    fn hanging_helper_is_killed_after_the_timeout() {
        let wrong = answer("exec sleep 30").unwrap_err();
        assert!(wrong.contains("did not answer"), "{wrong}");
    }

    #[test]
    fn failure_has_the_reason_or_the_exit_code() {
        let failed = |script| answer(script).unwrap_err();
        let on_stderr = failed(r"printf 'no \033[31mkey\tring' >&2; exit 3");
        assert!(
            on_stderr.ends_with("failed with exit code 3: no  [31mkey ring"),
            "{on_stderr}"
        );
        assert!(failed("exit 4").ends_with("failed with exit code 4"));
        assert!(failed("kill -9 $$").ends_with("was killed by a signal"));
        let reason = failed("echo locked; kill -9 $$");
        assert!(reason.ends_with("was killed by a signal: locked"), "{reason}");
        let secret = failed(r#"echo '{"Username":"a","Secret":"hunter2"}'; echo locked >&2; exit 1"#);
        assert!(
            secret.contains("locked") && !secret.contains("hunter2"),
            "{secret}"
        );
        let long = failed("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1");
        assert!(long.len() < 400, "{}", long.len());
    }

    #[test]
    fn helper_that_floods_its_output_is_killed() {
        let wrong = answer("exec yes").unwrap_err();
        assert!(wrong.contains("printed more than 65536 bytes"), "{wrong}");
    }

    #[test]
    fn helper_that_closes_its_output_and_stays_is_killed() {
        let wrong = answer("exec >&- 2>&-; exec sleep 30").unwrap_err();
        assert!(wrong.contains("did not exit"), "{wrong}");
    }

    #[test]
    fn helper_stores_and_erases() {
        let auth = super::super::RegistryAuth::user("a", "hunter2");
        let store = |script| with_helper(script, |program| store_in(program, "reg:5000", &auth, TIMEOUT));
        let check = r#"[ "$1" = store ] && [ "$server" = '{"Secret":"hunter2","ServerURL":"reg:5000","Username":"a"}' ]"#;
        assert_eq!(store(check), Ok(()));
        let failed = store("echo locked; exit 1").unwrap_err();
        assert!(
            failed.contains("locked") && !failed.contains("hunter2"),
            "{failed}"
        );
        let erase = |script| with_helper(script, |program| erase_in(program, "reg:5000", TIMEOUT));
        assert_eq!(erase(r#"[ "$1" = erase ] && [ "$server" = reg:5000 ]"#), Ok(true));
        assert_eq!(
            erase("echo credentials not found in native keychain; exit 1"),
            Ok(false)
        );
        assert!(erase("echo locked; exit 1").unwrap_err().contains("locked"));
    }

    #[test]
    fn store_lists_its_registries() {
        let list = |script| with_helper(script, |program| list_from(program, TIMEOUT));
        let listed = list(r#"echo "{\"https://reg:5000\":\"$1\",\"reg.example.com\":\"b\"}""#);
        assert_eq!(listed.unwrap(), ["https://reg:5000", "reg.example.com"]);
        assert!(list("echo locked; exit 1").unwrap_err().contains("locked"));
        let wrong = list("echo hunter2").unwrap_err();
        assert!(wrong.contains("invalid") && !wrong.contains("hunter2"), "{wrong}");
    }

    #[test]
    fn token_is_stored_with_its_own_user() {
        let token = super::super::RegistryAuth {
            identity_token: "hunter2".into(),
            ..Default::default()
        };
        let check = r#"[ "$server" = '{"Secret":"hunter2","ServerURL":"reg","Username":"<token>"}' ]"#;
        let stored = with_helper(check, |program| store_in(program, "reg", &token, TIMEOUT));
        assert_eq!(stored, Ok(()));
    }

    #[test]
    fn reply_without_a_secret_has_no_credentials() {
        let none = answer(r#"echo '{"Username":"a","Secret":""}'"#);
        assert_eq!(none, Ok(None));
    }
}
