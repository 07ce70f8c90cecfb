//! What the verbs of a store answer with: a facet is a trait behind a pointer, and cannot have `async fn`.

use std::future::Future;
use std::pin::Pin;

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
