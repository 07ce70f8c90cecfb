//! The result type of a store's verbs: a facet is a trait object, and cannot have `async fn`.

use std::future::Future;
use std::pin::Pin;

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
