use super::*;

fn group(services: &str) -> Result<GroupSpec> {
    let group = GroupSpec::from_json(&format!(r#"{{"name":"g","services":{services}}}"#))?;
    group.validate().map(|()| group)
}

#[test]
fn rank_is_the_longest_way_to_a_service() {
    let group = group(
        r#"{"a":{},"b":{"depends_on":{"a":"started"}},"c":{"depends_on":{"b":"ready","a":"ready"}},"d":{}}"#,
    )
    .unwrap();
    let ranks = group.ranks().unwrap();
    assert_eq!(ranks, [("a", 0), ("b", 1), ("c", 2), ("d", 0)].into());
    assert_eq!(group.services["a"].environment.main, Main::Image);
}

#[test]
fn every_fault_of_a_group_is_reported() {
    for (services, parts) in [
        ("{}", &["no services"][..]),
        (
            r#"{"a":{"depends_on":{"b":"ready"}},"b":{"depends_on":{"a":"ready"}}}"#,
            &["each other: a -> b -> a;"],
        ),
        (r#"{"a":{"depends_on":{"a":"ready"}}}"#, &["each other: a -> a;"]),
        (
            r#"{"a":{"depends_on":{"x":"ready"}}}"#,
            &["service a: ", "\"x\"", "services: a"],
        ),
        (
            r#"{"a":{"depends_on":{"c":"ready"}},"b":{"depends_on":{"c":"ready"}},"c":{"depends_on":{"d":"ready"}},"d":{"depends_on":{"c":"ready"}}}"#,
            &["each other: c -> d -> c;"],
        ),
        (r#"{"a":{"imgae":"x"}}"#, &["imgae"]),
        (
            r#"{"a":{"depends_on":{"b":"done"}},"b":{}}"#,
            &["services.a.depends_on.b", "completed"],
        ),
        (r#"{"a b":{}}"#, &["a b"]),
        (r#"{"a":{"name":"x"}}"#, &["comes from the group"]),
        (
            r#"{"a":{"limits":{"memory":0}},"b":{"depends_on":{"c":"completed"}},"c":{"main":"idle"}}"#,
            &["service a: ", "service b: ", "no main process"],
        ),
    ] {
        let error = group(services).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{services}: {error}");
        }
    }
    for (text, part) in [
        (r#"{"name":"g","services":[]}"#, "services"),
        (r#"{"name":7}"#, "name"),
        (
            r#"{"name":"g","networks":{"n":{}},"services":{"a":{"network":{"own":{"n":{}}}}}}"#,
            "service a: the network n is one of the group, too; choose another name",
        ),
    ] {
        let read = GroupSpec::from_json(text);
        let error = read.and_then(|group| group.validate()).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn file_of_a_service_is_one_of_the_group() {
    let group = |files: &str, service: &str| {
        let text = format!(r#"{{"name":"g","files":{files},"services":{{"a":{service}}}}}"#);
        let group = GroupSpec::from_json(&text)?;
        group.validate().map(|()| group)
    };
    let files = r#"{"token":"hunter2"}"#;
    let read = group(files, r#"{"files":{"/run/secrets/token":"token"}}"#).unwrap();
    assert!(!format!("{read:?}").contains("hunter2"));
    let again = GroupSpec::from_json(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
    for (files, service, part) in [
        (files, r#"{"files":{"/x":"other"}}"#, "no file \"other\""),
        (files, r#"{"files":{"x":"token"}}"#, "not absolute"),
        (files, r#"{"files":["token"]}"#, "services.a.files"),
        (r#"{"a/b":""}"#, "{}", "not the name of a file"),
    ] {
        let error = group(files, service).unwrap_err().to_string();
        assert!(
            error.contains(part) && !error.contains("hunter2"),
            "{service}: {error}"
        );
    }
}

#[test]
fn service_may_have_aliases_on_the_own_network() {
    group(r#"{"a":{"network":{"aliases":["www"]}}}"#).unwrap();
    let error = group(r#"{"a":{"network":{"mode":"none","aliases":["www"]}}}"#).unwrap_err();
    assert!(error.to_string().contains("aliases"), "{error}");
}

#[test]
fn group_round_trips_as_json() {
    let group = group(r#"{"a":{"image":"x","main":"idle"},"b":{"depends_on":{"a":"completed"}}}"#);
    let mut group = group.unwrap_err().to_string();
    assert!(group.contains("no main process"), "{group}");
    let text = r#"{"name":"g","services":{"a":{"image":"x"},"b":{"depends_on":{"a":"completed"},"ready":{"wait_for":{"port":80}}}}}"#;
    let read = GroupSpec::from_json(text).unwrap();
    group = serde_json::to_string(&read).unwrap();
    assert_eq!(GroupSpec::from_json(&group).unwrap(), read, "{group}");
}

#[test]
fn network_of_a_service_is_a_dependency() {
    let shared = |other: &str| format!(r#"{{"network":{{"mode":{{"environment":"{other}"}}}}}}"#);
    let with = |other: &str| group(&format!(r#"{{"vpn":{{}},"app":{}}}"#, shared(other)));
    let read = with("vpn").unwrap().with_implied();
    assert_eq!(read.services["app"].depends_on["vpn"], Dependency::Started);
    assert_eq!(read.ranks().unwrap()["app"], 1);
    // An environment that exists already.
    let read = with("0123456789abcdef").unwrap().with_implied();
    assert_eq!(read.services["app"].depends_on.len(), 0);
    for (services, part) in [
        (format!(r#"{{"app":{}}}"#, shared("vpn")), "neither a service"),
        (
            format!(r#"{{"app":{}}}"#, shared("app")),
            "depend on each other: app",
        ),
        (
            format!(r#"{{"a":{},"b":{}}}"#, shared("b"), shared("a")),
            "depend on each other: a -> b",
        ),
        (
            r#"{"vpn":{},"app":{"network":{"mode":{"environment":"vpn"},"ports":[80]}}}"#.to_owned(),
            "no ports of its own; publish them there",
        ),
    ] {
        let error = group(&services).unwrap_err();
        let text = format!(
            "{error} {:?}",
            error
                .failures()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        );
        assert!(text.contains(part), "{services}: {text}");
    }
}
