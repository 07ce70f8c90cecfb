//! A system of the demo: an MMS Relay/Server of operator A, or operator B as a whole. It accepts every message, and
//! sends what it is told to from an address of its own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, ensure};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::mailer::Mailer;
use crate::peer::{Behaviour, Keep, serve};
use mm4relay::message::MmsAddress;

use super::pdu::{Arrival, Pdu};

pub struct Actor {
    pub name: &'static str,
    /// The address that it listens on and sends from.
    pub address: SocketAddr,
    domain: &'static str,
    arrived: mpsc::UnboundedSender<Arrival>,
    server: Option<JoinHandle<()>>,
}

impl Actor {
    pub async fn start(
        name: &'static str,
        host: IpAddr,
        domain: &'static str,
        arrived: mpsc::UnboundedSender<Arrival>,
    ) -> anyhow::Result<Self> {
        let mut actor = Self {
            name,
            address: (host, 0).into(),
            domain,
            arrived,
            server: None,
        };
        actor.listen().await?;
        Ok(actor)
    }

    /// Listens, at the same address as before if there was one.
    pub async fn listen(&mut self) -> anyhow::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        let bound = socket.bind(self.address).and_then(|()| socket.listen(16));
        let listener: TcpListener =
            bound.with_context(|| format!("{} cannot listen on {}", self.name, self.address))?;
        self.address = listener.local_addr()?;
        let (by, domain, arrived) = (self.name, self.domain, self.arrived.clone());
        let on_message = move |message, code| {
            if code == 250 {
                // The receiver is gone when the demo ends.
                let _ = arrived.send(Arrival { by, domain, message });
            }
        };
        let behaviour = Behaviour {
            host: format!("{}.{}", self.name, self.domain),
            keep: Keep::Everything,
            on_message: Some(Box::new(on_message)),
            ..Behaviour::default()
        };
        self.server = Some(tokio::spawn(async move {
            serve(listener, Arc::new(behaviour), Arc::default()).await;
        }));
        Ok(())
    }

    /// Stops listening, and cuts off connections.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }

    /// Sends to the relay's `door`. Fails unless the relay takes the whole message.
    pub async fn send(&self, door: SocketAddr, pdu: &Pdu) -> anyhow::Result<()> {
        let helo = format!("{}.{}", self.name, self.domain);
        let mut mailer = Mailer::connect_from(self.address.ip(), door, &helo).await?;
        let from = MmsAddress::new(&pdu.sender)?;
        let to: Vec<MmsAddress> = pdu
            .recipients
            .iter()
            .map(|to| MmsAddress::new(to))
            .collect::<Result<_, _>>()?;
        let sent = mailer.send(Some(&from), &to, pdu.bytes.clone()).await?;
        mailer.quit().await?;
        let answer = sent.answer.map(|answer| answer.to_string()).unwrap_or_default();
        let refused: Vec<String> = sent
            .refused
            .iter()
            .map(|(to, reply)| format!("{to}: {reply}"))
            .collect();
        ensure!(
            refused.is_empty() && answer.starts_with("250"),
            "the relay did not take {} from {}: {} {answer}",
            pdu.kind,
            self.name,
            refused.join(", ")
        );
        Ok(())
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.stop();
    }
}
