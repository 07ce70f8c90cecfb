//! Who may ask at the door by a certificate, and as what.

use std::sync::Arc;

use super::certificates::has_name;
use crate::config::{Control, ControlRole};
use crate::control::Role;
use crate::control::http::{Certified, NamedClients};

/// By the names of certificates, which the handshake has found good.
pub(super) fn named_clients(control: &Control) -> NamedClients {
    let known = control.clients.iter().flat_map(|clients| &clients.known);
    let known: Vec<Certified> = known
        .map(|client| Certified {
            name: client.name.clone(),
            role: match client.role {
                ControlRole::Viewer => Role::Viewer,
                ControlRole::Operator => Role::Operator,
                ControlRole::Administrator => Role::Administrator,
            },
            reveals: client.reveals,
        })
        .collect();
    Arc::new(move |certificate| known.iter().find(|client| has_name(certificate, &client.name)).cloned())
}
