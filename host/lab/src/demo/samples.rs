//! The messages of the demo, with their envelopes. They are the plug-ins' own samples where one fits.

/// One message to send.
pub struct Sample {
    pub title: &'static str,
    pub about: &'static str,
    pub from: &'static str,
    pub to: &'static [&'static str],
    pub message: &'static [u8],
    /// Whether the relay is to take it, for one recipient at least.
    pub taken: bool,
}

macro_rules! plugin_sample {
    ($path:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../plugins/",
            $path,
            "/message.eml"
        ))
    };
}

pub const SAMPLES: &[Sample] = &[
    Sample {
        title: "Numbers in national form",
        about: "address-rewrite makes every number E.164, in the envelope and where it stands in the header.",
        from: "01715550100/TYPE=PLMN@mms.a.example",
        to: &["00999555010099/TYPE=PLMN@mms.b.example", "999555010088@mms.b.example"],
        message: plugin_sample!("address-rewrite/samples/national-and-bare-numbers"),
        taken: true,
    },
    Sample {
        title: "One message, two operators",
        about: "Two recipients were with operator B; one has taken the number to operator C, says the portability table.",
        from: "+15555550100/TYPE=PLMN@mms.a.example",
        to: &[
            "+15555550199/TYPE=PLMN@mms.b.example",
            "+15555550188/TYPE=PLMN@mms.b.example",
        ],
        message: plugin_sample!("address-rewrite/samples/ported-number"),
        taken: true,
    },
    Sample {
        title: "A photo that operator B cannot take",
        about: "Operator B takes images up to 80 by 60 pixels; content-adapt scales this one down, and says so in the content class.",
        from: "+15555550100/TYPE=PLMN@mms.a.example",
        to: &["+15555550199/TYPE=PLMN@mms.b.example"],
        message: plugin_sample!("content-adapt/samples/photo-over-pixel-limit"),
        taken: true,
    },
    Sample {
        title: "A response on its way back",
        about: "Operator B answers a request of operator A; the response finds its way by the domain.",
        from: "system@mms.b.example",
        to: &["PostMaster@mms.a.example"],
        message: b"From: system\r\n\
            To: PostMaster@mms.a.example\r\n\
            Sender: system@mms.b.example\r\n\
            X-Mms-3GPP-MMS-Version: 6.5.0\r\n\
            X-Mms-Message-Type: MM4_forward.RES\r\n\
            X-Mms-Transaction-ID: \"t1@mms.a.example\"\r\n\
            X-Mms-Message-ID: \"k1@w.mms.a.example\"\r\n\
            X-Mms-Request-Status-Code: Ok\r\n\
            \r\n",
        taken: true,
    },
    Sample {
        title: "A recipient whom nobody serves",
        about: "Neither the domain nor the number belongs to a peer: refused at RCPT, and nothing was sent.",
        from: "+15555550100/TYPE=PLMN@mms.a.example",
        to: &["+15555550199/TYPE=PLMN@mms.nowhere.example"],
        message: plugin_sample!("charging/samples/hub-takes-a-message"),
        taken: false,
    },
    Sample {
        title: "Not MM4 at all",
        about: "An ordinary mail for a recipient that we do serve: refused at the end of data.",
        from: "ann@mms.a.example",
        to: &["+15555550199/TYPE=PLMN@mms.b.example"],
        message: b"From: ann@mms.a.example\r\nTo: bob@mms.b.example\r\nSubject: lunch?\r\n\r\nAt noon.\r\n",
        taken: false,
    },
];
