//! What is encoded here, decoded by a library of another make: asn1-rs, which comes with x509-parser, knows BER and
//! nothing of charging.

use proptest::prelude::*;
use x509_parser::asn1_rs::{Any, Class, FromBer, Integer};

use super::*;

/// One element as the library reads it.
struct Node {
    class: Class,
    tag: u32,
    constructed: bool,
    content: Vec<u8>,
}

impl Node {
    fn all(mut octets: &[u8]) -> Vec<Self> {
        let mut nodes = Vec::new();
        while !octets.is_empty() {
            let (rest, any) = Any::from_ber(octets).expect("BER");
            nodes.push(Self {
                class: any.class(),
                tag: any.tag().0,
                constructed: any.header.is_constructed(),
                content: any.data.to_vec(),
            });
            octets = rest;
        }
        nodes
    }

    fn one(octets: &[u8]) -> Self {
        let mut all = Self::all(octets);
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn members(&self) -> Vec<Self> {
        assert!(self.constructed, "[{}] has members", self.tag);
        Self::all(&self.content)
    }

    fn member(&self, tag: u32) -> Option<Self> {
        self.members().into_iter().find(|member| member.tag == tag)
    }

    fn number(&self) -> u64 {
        assert!(!self.constructed);
        Integer::new(&self.content).as_u64().expect("an INTEGER")
    }

    fn is_sequence(&self) -> bool {
        self.class == Class::Universal && self.tag == 16 && self.constructed
    }
}

/// The address in an MMSAgentAddress, as the three kinds of its CHOICE have it.
fn address(agent: &Node) -> String {
    let data = agent.member(0).expect("address data");
    // A tagged CHOICE is explicit: the alternative has a tag of its own.
    let [choice] = &data.members()[..] else {
        panic!("one alternative")
    };
    match choice.tag {
        1 => {
            let digits = choice.content[1..].iter().flat_map(|octet| [octet & 0xf, octet >> 4]);
            let digits: String = digits
                .filter(|digit| *digit < 10)
                .map(|digit| char::from(b'0' + digit))
                .collect();
            let plus = if choice.content[0] == 0x91 { "+" } else { "" };
            format!("{plus}{digits}")
        }
        0 | 2 => String::from_utf8_lossy(&choice.content).into_owned(),
        other => panic!("alternative {other}"),
    }
}

fn addresses(set: &Node) -> Vec<String> {
    let members = set.members();
    assert!(members.iter().all(Node::is_sequence));
    members.iter().map(address).collect()
}

/// An address, and what a record shows of it.
fn any_address() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        "\\+[1-9][0-9]{6,14}".prop_map(|number| (format!("{number}/TYPE=PLMN@mms.b.example"), number)),
        "[1-9][0-9]{7,14}".prop_map(|number| (format!("{number}/TYPE=PLMN"), number)),
        "[0-9]{1,6}".prop_map(|code| (code.clone(), code)),
        "[a-z]{1,20}@[a-z]{1,20}\\.example".prop_map(|mail| (mail.clone(), mail)),
    ]
}

fn expected_number(of: RecordType) -> u32 {
    layout::number(of).unwrap()
}

proptest! {
    #[test]
    fn a_library_of_another_make_reads_what_was_written(
        of in proptest::sample::select(layout::types().collect::<Vec<_>>()),
        sequence in any::<u64>(),
        message_id in "\\PC{0,300}",
        size in 0..u64::MAX >> 1,
        counter in any::<u32>(),
        recipients in proptest::collection::vec(any_address(), 1..20),
        before in proptest::collection::vec(any_address(), 0..5),
        parts in proptest::collection::vec(("[a-z]{1,12}/[a-z0-9.+-]{1,40}", any::<u32>()), 0..20),
        delivery_report in any::<bool>(),
    ) {
        let joined = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join(" "));
        let fields = Fields {
            message_id: message_id.clone(),
            message_size: Some(size),
            forward_counter: Some(counter),
            recipients: recipients.iter().map(|(address, _)| address.clone()).collect(),
            previously_sent_by: joined(before.iter().map(|(address, _)| address.clone()).collect()),
            components: joined(parts.iter().map(|(media_type, size)| format!("{media_type}:{size}")).collect()),
            subject_size: Some("5".into()),
            delivery_report_requested: Some(delivery_report),
            ..record().fields
        };
        let octets = encode(&Record { sequence, fields, ..record() }, of);
        let set = Node::one(&octets);
        prop_assert_eq!((set.class, set.tag), (Class::ContextSpecific, expected_number(of)));
        let members = set.members();
        prop_assert!(members.iter().all(|member| member.class == Class::ContextSpecific));
        prop_assert!(members.windows(2).all(|pair| pair[0].tag < pair[1].tag), "in the order of the tags");
        prop_assert_eq!(members[0].number(), u64::from(expected_number(of)));
        let member = |field: layout::Field| {
            let (tag, _) = layout::fields(of).iter().find(|(_, known)| *known == field)?;
            set.member(*tag)
        };
        prop_assert_eq!(member(layout::Field::MessageId).unwrap().content, message_id.into_bytes());
        prop_assert_eq!(member(layout::Field::LocalSequenceNumber).unwrap().number(), sequence & 0xffff_ffff);
        let shown: Vec<String> = recipients.into_iter().map(|(_, shown)| shown).collect();
        if let Some(set) = member(layout::Field::Recipients) {
            prop_assert_eq!(addresses(&set), shown.clone());
        }
        if let Some(agent) = member(layout::Field::Recipient) {
            prop_assert_eq!(address(&agent), shown[0].clone());
        }
        if let Some(volume) = member(layout::Field::MessageSize) {
            prop_assert_eq!(volume.number(), size);
            prop_assert_eq!(member(layout::Field::ForwardCounter).unwrap().number(), u64::from(counter));
            let asked = member(layout::Field::DeliveryReportRequested).unwrap();
            prop_assert_eq!(asked.content != [0], delivery_report);
            let forwarding = member(layout::Field::ForwardingAddresses).map(|set| addresses(&set)).unwrap_or_default();
            prop_assert_eq!(forwarding, before.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>());
            let found = member(layout::Field::Components);
            prop_assert_eq!(found.is_some(), !parts.is_empty());
            if let Some(found) = found {
                prop_assert_eq!(found.member(0).unwrap().member(1).unwrap().number(), 5);
                let media = found.member(1).unwrap().members();
                prop_assert!(media.iter().all(Node::is_sequence));
                let sized = |part: &Node| {
                    let media_type = String::from_utf8(part.member(0).unwrap().content).unwrap();
                    (media_type, part.member(1).unwrap().number() as u32)
                };
                prop_assert_eq!(media.iter().map(sized).collect::<Vec<_>>(), parts);
            }
        }
    }
}
