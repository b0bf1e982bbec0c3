//! Which engine is chosen for an environment or a group, and why the others are not.

use std::any::Any;

use isolation::{
    BoxFuture, Capabilities, Context, Engine, EngineChoice, EngineSettings, EnvironmentId, EnvironmentSpec,
    EnvironmentSummary, Error, ErrorKind, Feature, GroupSpec, Instance, IsolationLevel, Manager,
    NewEnvironment, Opened, Probe, Registry, Result,
};

/// An engine that creates nothing.
#[derive(Debug)]
struct Shown {
    name: &'static str,
    features: Vec<Feature>,
    /// Why it is not available, although the user has named its daemon.
    absent: bool,
    automatic: bool,
}

impl Shown {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            features: Vec::new(),
            absent: false,
            automatic: true,
        }
    }
}

impl Engine for Shown {
    fn name(&self) -> &str {
        self.name
    }

    fn is_automatic(&self) -> bool {
        self.automatic
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        let capabilities = Capabilities::new(IsolationLevel::Process).with(self.features.clone());
        let probe = match self.absent {
            true => Probe::unavailable("nothing listens there", "start it", capabilities)
                .named_by(Some("DOCKER_HOST".to_owned())),
            false => Probe::available("always", capabilities),
        };
        Box::pin(std::future::ready(probe))
    }

    fn create<'a>(&'a self, _: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async { Err(Error::new(ErrorKind::Engine, "it creates nothing")) })
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, _: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(async move { Err(Error::not_found(id.as_str())) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn registry(engines: impl IntoIterator<Item = Shown>) -> Registry {
    let mut registry = Registry::new();
    for engine in engines {
        registry.register(engine).unwrap();
    }
    registry
}

#[tokio::test]
async fn configured_engine_that_is_absent_hides_others() {
    let by_hand = Shown {
        automatic: false,
        ..Shown::new("by-hand")
    };
    let configured = Shown {
        absent: true,
        ..Shown::new("configured")
    };
    let registry = registry([by_hand, configured, Shown::new("small")]);
    let spec = EnvironmentSpec::default();
    let explained = registry.explain(&EngineChoice::Auto, &spec).await.unwrap();
    assert_eq!(explained.chosen, None);
    let reasons: Vec<&str> = explained.engines.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(reasons[0], "it fits, but it is used only by its name");
    assert!(reasons[1].contains("nothing listens there"), "{reasons:?}");
    assert_eq!(
        reasons[2],
        "it fits, but configured is configured, and not available"
    );
    // The choice itself does the same.
    let error = registry.select(&EngineChoice::Auto, &spec).await.unwrap_err();
    assert!(error.to_string().contains("nothing listens there"), "{error}");
    let named = EngineChoice::Named("by-hand".to_owned());
    let selection = registry.select(&named, &spec).await.unwrap();
    assert_eq!(selection.engine.name(), "by-hand");
}

#[tokio::test]
async fn disabled_engine_is_not_chosen() {
    let mut registry = registry([Shown::new("first"), Shown::new("second")]);
    let disabled = EngineSettings {
        enabled: Some(false),
        ..EngineSettings::default()
    };
    registry.configure("first", &disabled).unwrap();
    let spec = EnvironmentSpec::default();
    let selection = registry.select(&EngineChoice::Auto, &spec).await.unwrap();
    assert_eq!(selection.engine.name(), "second");
    let rejected = selection.rejected[0].to_string();
    assert!(
        rejected.contains("first") && rejected.contains("the configuration disables it"),
        "{rejected}"
    );
    registry.configure("second", &disabled).unwrap();
    let error = registry.select(&EngineChoice::Auto, &spec).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.rejected().len()),
        (ErrorKind::NoEngine, 2),
        "{error}"
    );
}

#[tokio::test]
async fn option_of_an_unknown_engine_is_an_error() {
    let manager = Manager::new(registry([Shown::new("first")]));
    let spec = EnvironmentSpec {
        engine_options: [("frist".to_owned(), serde_json::json!({}))].into(),
        ..EnvironmentSpec::default()
    };
    let error = manager.create(&EngineChoice::Auto, spec).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("unknown engine \"frist\"; registered engines: first"),
        "{error}"
    );
}

#[tokio::test]
async fn services_of_a_group_need_one_engine() {
    let large = Shown {
        features: Feature::ALL.to_vec(),
        ..Shown::new("large")
    };
    let manager = Manager::new(registry([Shown::new("small"), large]));
    let text = r#"{"name": "shop", "services": {
        "a": {"main": "idle"}, "b": {"main": "idle", "limits": {"shm_size": "64m"}}}}"#;
    let group = GroupSpec::from_json(text).unwrap();
    let error = manager
        .up(&EngineChoice::Auto, group)
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoEngine, "{error}");
    assert!(
        error
            .to_string()
            .contains("some need small, others large; name one engine"),
        "{error}"
    );
}

#[tokio::test]
async fn volumes_of_a_group_are_those_of_present_engines() {
    let absent = Shown {
        absent: true,
        ..Shown::new("absent")
    };
    let manager = Manager::new(registry([absent, Shown::new("small")]));
    assert!(manager.remove_group_volumes("shop").await.unwrap().is_empty());
    let error = manager.remove_group_volumes("no/name").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}
