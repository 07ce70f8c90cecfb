//! Somebody looks at a page.

use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::Pages;
use super::frame::{Frame, May};
use crate::control::alarms::Alarms;
use crate::control::http::{Visitor, read_query};
use crate::control::{Ask, Kind, Problem, Who, with_texts};
use crate::message::VisibleLines;
use crate::sync::lock;

/// A visitor, with the page that they ask for.
pub(super) struct Looking {
    pub pages: Arc<Pages>,
    pub visitor: Visitor,
    /// Of the query; those that are empty are left out, as a form sends what nobody filled in.
    pub fields: Vec<(String, String)>,
    /// With the query.
    path: String,
}

/// An answer in the place of the page that was asked for.
pub(super) struct Refused(Box<Response>);

pub(super) type Page = Result<Response, Refused>;

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Response> for Refused {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl FromRequestParts<Arc<Pages>> for Looking {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, pages: &Arc<Pages>) -> Result<Self, Refused> {
        let Some(visitor) = parts.extensions.get::<Visitor>().cloned() else {
            return Err(see_other("/login").into());
        };
        let query = parts.uri.query().unwrap_or_default();
        let fields = form_urlencoded::parse(query.as_bytes()).into_owned();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            pages: Arc::clone(pages),
            visitor,
            // What has no reason yet is found by an empty one.
            fields: fields
                .filter(|(name, value)| !value.trim().is_empty() || name == "alike")
                .collect(),
            path: path.to_owned(),
        })
    }
}

impl Looking {
    /// Asks for this visitor. What strangers wrote has no hidden characters any more; templates escape it.
    ///
    /// # Errors
    /// A page that says why there is no answer.
    pub async fn ask<A: Ask>(&self, ask: A) -> Result<A::Answer, Refused> {
        match self.try_ask(&self.visitor.who, ask).await {
            Ok(answer) => Ok(answer),
            Err(problem) => Err(self.refused(&problem).await),
        }
    }

    /// The same, as somebody who is shown this much.
    pub async fn try_ask<A: Ask>(&self, who: &Who, ask: A) -> Result<A::Answer, Problem> {
        let answer = self.pages.desk.tell(who, ask).await?;
        with_texts(answer, |text| VisibleLines(text).to_string())
    }

    /// As it is, for what may be sent back: only templates stand between a stranger's text and the page then.
    pub async fn ask_verbatim<A: Ask>(&self, ask: A) -> Result<A::Answer, Problem> {
        self.pages.desk.tell(&self.visitor.who, ask).await
    }

    /// The verb that the query says.
    ///
    /// # Errors
    /// A page that says what is wrong with it.
    pub async fn question<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        match read_query(self.fields.clone()) {
            Ok(question) => Ok(question),
            Err(problem) => Err(self.refused(&problem).await),
        }
    }

    /// One field of the query; empty without it.
    pub fn field(&self, name: &str) -> String {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    }

    /// The query without where it goes on.
    pub fn query_of_all(&self) -> String {
        let fields = self.fields.iter().filter(|(name, _)| name != "after");
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish()
    }

    /// What stands around a page. `here` is its place in the navigation.
    pub async fn frame(&self, title: &str, here: &'static str) -> Frame {
        let visitor = &self.visitor;
        let alarms = self.try_ask(&visitor.unseeing(), Alarms {}).await;
        let alarms = alarms.map(|raised| raised.alarms).unwrap_or_default();
        Frame {
            title: title.to_owned(),
            here,
            who: visitor.who.name.clone(),
            role: visitor.who.role.as_str(),
            seal: visitor.seal.clone(),
            path: self.path.clone(),
            sight: visitor.sight,
            can_leave: visitor.can_leave(),
            may: May::of(visitor),
            alarms: alarms.len(),
            told: lock(&self.pages.told).remove(&visitor.seal),
        }
    }

    /// A page that says what is wrong.
    pub async fn refused(&self, problem: &Problem) -> Refused {
        let frame = self.frame("That does not go", "").await;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let page = Wrong {
            frame,
            detail: VisibleLines(&problem.detail).to_string(),
            errors: problem
                .errors
                .iter()
                .map(|error| VisibleLines(error).to_string())
                .collect(),
        };
        (status, show(&page)).into_response().into()
    }
}

#[derive(Template)]
#[template(path = "wrong.html")]
struct Wrong {
    frame: Frame,
    detail: String,
    errors: Vec<String>,
}

/// Of a path that no page has.
pub(super) async fn nowhere(State(_): State<Arc<Pages>>, looking: Looking) -> Refused {
    let path = looking.path.clone();
    let detail = format!("there is no page {path}: the list above has all of them");
    looking.refused(&Problem::new(Kind::NoSuchVerb, detail)).await
}

/// A page as it is sent.
pub(super) fn show(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("a bug: {error}\n")).into_response(),
    }
}

pub(super) fn see_other(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path.to_owned())]).into_response()
}
