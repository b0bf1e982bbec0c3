//! Change the settings of a plugin.

use super::Plugins;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;

pub(super) static SET: Operation<Empty> = Operation::post("PluginSet", "/plugins/{name}/set")
    .success(&[204])
    .slashes();

impl Plugins<'_> {
    /// Changes settings of a disabled plugin: `DEBUG=1` for a variable, `data.source=/srv` for a
    /// part of a mount. `settable` in [`super::PluginConfig`] lists the parts that can be changed.
    pub async fn set(&self, plugin: &str, settings: &[&str]) -> Result<()> {
        let nothing = settings
            .is_empty()
            .then(|| "the list of settings is empty; pass one or more as `NAME=value`".to_owned());
        self.docker
            .call(&SET)
            .at(plugin)
            .json(settings)
            .reject_if(nothing)
            .send()
            .await
    }
}
