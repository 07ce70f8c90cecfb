//! What stands around each page.

use super::assets;
use crate::control::cdr::{CdrClose, CdrFetched};
use crate::control::configuration::Apply;
use crate::control::http::{Sight, Visitor};
use crate::control::limits::LimitPeer;
use crate::control::peers::PausePeer;
use crate::control::placing::{LoadVersion, RollBack};
use crate::control::plugins::{ResetBreaker, SwitchOff};
use crate::control::queue::{Drop, GetContent, KeepBack, Release, Reroute, Retry};

/// For the template `frame.html`, which all pages extend.
pub(super) struct Frame {
    pub title: String,
    /// The page's place in the navigation.
    pub here: &'static str,
    pub who: String,
    pub role: &'static str,
    pub seal: String,
    /// This page, to lead back to.
    pub path: String,
    pub sight: Sight,
    pub can_leave: bool,
    pub may: May,
    /// So many are raised.
    pub alarms: usize,
    /// What came of the last form.
    pub told: Option<String>,
}

/// Which buttons are drawn. Whether somebody may is decided when they press one, by the verb itself.
pub(super) struct May {
    pub retry: bool,
    pub release: bool,
    pub drop: bool,
    pub hold: bool,
    pub reroute: bool,
    pub look_inside: bool,
    pub pause: bool,
    pub limit: bool,
    pub switch: bool,
    pub reset: bool,
    pub close: bool,
    pub mark: bool,
    pub load: bool,
    pub roll_back: bool,
    pub configure: bool,
}

impl May {
    pub fn of(visitor: &Visitor) -> Self {
        Self {
            retry: visitor.may::<Retry>(),
            release: visitor.may::<Release>(),
            drop: visitor.may::<Drop>(),
            hold: visitor.may::<KeepBack>(),
            reroute: visitor.may::<Reroute>(),
            look_inside: visitor.may::<GetContent>(),
            pause: visitor.may::<PausePeer>(),
            limit: visitor.may::<LimitPeer>(),
            switch: visitor.may::<SwitchOff>(),
            reset: visitor.may::<ResetBreaker>(),
            close: visitor.may::<CdrClose>(),
            mark: visitor.may::<CdrFetched>(),
            load: visitor.may::<LoadVersion>(),
            roll_back: visitor.may::<RollBack>(),
            configure: visitor.may::<Apply>(),
        }
    }
}

impl Frame {
    /// Every page with its place, in the order of the navigation.
    const PAGES: [(&'static str, &'static str); 11] = [
        ("/", "Is all well"),
        ("/queue", "Stuck and why"),
        ("/message", "Message"),
        ("/requests", "Requests"),
        ("/peers", "Peers"),
        ("/plugins", "Plug-ins"),
        ("/route", "Route"),
        ("/charging", "Charging"),
        ("/configuration", "Configuration"),
        ("/audit", "Audit"),
        ("/alarms", "Alarms"),
    ];

    pub fn pages(&self) -> [(&'static str, &'static str); 11] {
        Self::PAGES
    }

    pub fn may_reveal(&self) -> bool {
        self.sight == Sight::MayReveal
    }

    pub fn reveals(&self) -> bool {
        self.sight == Sight::Revealing
    }

    pub fn styles(&self) -> String {
        assets::styles()
    }

    pub fn script(&self) -> String {
        assets::script()
    }

    pub fn icon(&self) -> String {
        assets::icon()
    }
}
