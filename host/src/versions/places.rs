//! Versions in their places in the chain.

use std::sync::Arc;

use mm4relay_engine::Plugin;

use super::{LinkSpec, Ready};
use crate::pipeline::tap::{Listener, Tap};
use crate::pipeline::{Chain, Link};

/// Puts the ready versions in the places of those of the same name; the others stay as they are.
pub(super) fn put_in(links: &mut [Link], running: &Chain, specs: &[LinkSpec], ready: &[Ready]) {
    for version in ready {
        let name = version.plugin.name();
        let place = links.iter_mut().find(|link| link.plugin.name() == name);
        if let Some(place) = place
            && let Some(spec) = specs.iter().find(|spec| spec.name() == name)
        {
            *place = link(spec, version, running);
        }
    }
}

/// A version in its place. If it is the version that runs already, its counts and its watcher go on.
pub(super) fn link(spec: &LinkSpec, ready: &Ready, running: &Chain) -> Link {
    let recording = ready.recording.clone();
    let recording = recording.map(|recording| Arc::new(recording) as Arc<dyn Listener>);
    let new = Link {
        tap: Arc::new(Tap::new(recording)),
        ..Link::new(ready.plugin.clone(), spec.on_failure).when(Arc::clone(&spec.when))
    };
    let before = running.links.iter().find(|link| link.plugin.name() == spec.name());
    match before {
        Some(old) if old.plugin.digest() == new.plugin.digest() => Link {
            health: Arc::clone(&old.health),
            ..new
        },
        _ => new,
    }
}

pub(super) fn short(plugin: &Plugin) -> &str {
    &plugin.digest()[..12]
}
