//! A catalogue without WebAssembly, for tests of the code around the chain.

use std::sync::Arc;

use mm4relay_engine::{Engine, Services};

use super::Catalogue;
use crate::pipeline::Chain;
use crate::pipeline::script::Script;

impl Catalogue {
    /// A catalogue whose chain always follows the script.
    pub(crate) async fn scripted(engine: Engine, services: Arc<dyn Services>, script: Arc<dyn Script>) -> Arc<Self> {
        let catalogue = Self::load(engine, services, Vec::new()).await.unwrap();
        catalogue.chain.store(Arc::new(Chain::scripted(script)));
        catalogue
    }
}
