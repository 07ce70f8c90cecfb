//! Coming in and going: for browsers over TCP. At the socket nobody logs in, for the system has said who asks.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::form::{Acting, is_from_here, read};
use super::looking::{Page, Refused, see_other, show};
use super::{Pages, assets};
use crate::control::http::{Entrance, Visitor};
use crate::control::{Kind, Problem};

#[derive(Template)]
#[template(path = "login.html")]
struct LogIn {
    /// Why the last try came to nothing.
    wrong: Option<String>,
    styles: String,
    icon: String,
}

fn form(wrong: Option<String>) -> Response {
    show(&LogIn {
        wrong,
        styles: assets::styles(),
        icon: assets::icon(),
    })
}

pub(super) async fn page(visitor: Option<Extension<Visitor>>) -> Response {
    match visitor {
        Some(_) => see_other("/"),
        None => form(None),
    }
}

/// Takes a token once; from then on a cookie names the session.
pub(super) async fn enter(
    State(pages): State<Arc<Pages>>,
    entrance: Option<Extension<Entrance>>,
    request: Request,
) -> Response {
    let Some(Extension(entrance)) = entrance else {
        return see_other("/");
    };
    match log_in(&pages, &entrance, request).await {
        Ok(cookie) => with_cookie(see_other("/"), &cookie),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::FORBIDDEN);
            (status, form(Some(problem.detail))).into_response()
        }
    }
}

async fn log_in(pages: &Pages, entrance: &Entrance, request: Request) -> Result<String, Problem> {
    is_from_here(request.headers())?;
    let token = read(request.into_body()).await?.text("token");
    let missing = || {
        Problem::new(
            Kind::Unauthorized,
            "a token is asked for: `mm4relay token new` makes one",
        )
    };
    entrance.log_in(&pages.desk, &token.ok_or_else(missing)?).await
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

pub(super) async fn leave(entrance: Option<Extension<Entrance>>, acting: Acting) -> Response {
    match entrance {
        Some(Extension(entrance)) => with_cookie(see_other("/login"), &entrance.log_out(&acting.looking.visitor)),
        None => see_other("/"),
    }
}

/// Shows numbers whole from now on, or masks them again.
pub(super) async fn see(entrance: Option<Extension<Entrance>>, acting: Acting) -> Page {
    let whole = acting.form.text("whole").is_some();
    if let Some(Extension(entrance)) = entrance {
        acting.read(entrance.reveal(&acting.looking.visitor, whole)).await?;
    }
    let told = match whole {
        true => "Numbers are shown whole. Each look at them is in the audit.",
        false => "Numbers are masked.",
    };
    Ok::<_, Refused>(acting.done(told))
}
