//! An event as the state sees it: the few facts that features are made of.

/// What a customer did. The numbers are stored in states and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EventKind {
    /// Anything that has no number of its own.
    Other = 0,
    /// 'Order Completed'.
    OrderCompleted = 1,
    /// 'Order Refunded'; its value is negative or zero.
    OrderRefunded = 2,
    /// 'Page', 'Screen', 'Page Viewed'.
    PageViewed = 3,
    /// 'Product Viewed'.
    ProductViewed = 4,
    /// 'Product Added'.
    ProductAdded = 5,
    /// 'Product Removed'.
    ProductRemoved = 6,
    /// 'Checkout Started'.
    CheckoutStarted = 7,
    /// 'Session Started', 'Application Opened'.
    SessionStarted = 8,
    /// 'Campaign Touched'; see [`Touch`].
    CampaignTouched = 9,
    /// 'Review Posted', 'Product Reviewed'.
    ReviewPosted = 10,
    /// 'Survey Answered'.
    SurveyAnswered = 11,
    /// 'Ticket Opened'.
    TicketOpened = 12,
    /// 'Ticket Closed'.
    TicketClosed = 13,
    /// 'Identify', 'Profile Imported'.
    Identified = 14,
    /// 'Signed Up', 'Account Created'.
    SignedUp = 15,
    /// 'Coupon Applied'.
    CouponApplied = 16,
    /// 'Products Searched'.
    ProductsSearched = 17,
    /// 'Product Added to Wishlist'.
    WishlistAdded = 18,
    /// 'Product List Viewed'.
    ProductListViewed = 19,
}

impl EventKind {
    /// How many kinds there are room for in a state.
    pub(crate) const ROOM: usize = 24;

    /// Returns the kind of an event name of the Segment specification; unknown names are [`EventKind::Other`].
    pub fn from_name(name: &str) -> Self {
        match name {
            "Order Completed" => Self::OrderCompleted,
            "Order Refunded" => Self::OrderRefunded,
            "Page" | "Screen" | "Page Viewed" => Self::PageViewed,
            "Product Viewed" => Self::ProductViewed,
            "Product Added" => Self::ProductAdded,
            "Product Removed" => Self::ProductRemoved,
            "Checkout Started" => Self::CheckoutStarted,
            "Session Started" | "Application Opened" => Self::SessionStarted,
            "Campaign Touched" => Self::CampaignTouched,
            "Review Posted" | "Product Reviewed" => Self::ReviewPosted,
            "Survey Answered" => Self::SurveyAnswered,
            "Ticket Opened" => Self::TicketOpened,
            "Ticket Closed" => Self::TicketClosed,
            "Identify" | "Profile Imported" => Self::Identified,
            "Signed Up" | "Account Created" => Self::SignedUp,
            "Coupon Applied" => Self::CouponApplied,
            "Products Searched" => Self::ProductsSearched,
            "Product Added to Wishlist" => Self::WishlistAdded,
            "Product List Viewed" => Self::ProductListViewed,
            _ => Self::Other,
        }
    }

    /// Returns whether looking around is what the customer did.
    pub fn is_browsing(self) -> bool {
        matches!(
            self,
            Self::PageViewed
                | Self::ProductViewed
                | Self::ProductListViewed
                | Self::ProductsSearched
                | Self::SessionStarted
                | Self::ProductAdded
                | Self::ProductRemoved
                | Self::WishlistAdded
                | Self::CheckoutStarted
        )
    }

    /// Returns whether the customer chose the moment: purchases and browsing, not what was sent to or learned of them.
    pub fn is_own_act(self) -> bool {
        self.is_browsing()
            || matches!(
                self,
                Self::OrderCompleted | Self::ReviewPosted | Self::CouponApplied
            )
    }
}

/// How far a campaign's message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Touch {
    /// Sent or shown.
    Sent,
    /// Opened.
    Opened,
    /// Clicked.
    Clicked,
}

impl Touch {
    /// Returns the touch that the property `touch` names (`sent`, `shown`, `opened`, `clicked`), `None` for others.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sent" | "shown" | "delivered" => Some(Self::Sent),
            "opened" => Some(Self::Opened),
            "clicked" => Some(Self::Clicked),
            _ => None,
        }
    }
}

/// One line of an order, a basket or a view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// Product's id in the source's catalogue.
    pub product: String,
    /// Category path, levels separated by `/`; empty when not known.
    pub category: String,
    /// Pieces in thousandths; negative for returned pieces.
    pub quantity_milli: i64,
    /// Price of one piece in minor units of the tenant's currency.
    pub price_minor: i64,
}

/// Something that a customer did, after ingestion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it happened, in milliseconds since 1970 UTC.
    pub event_time_ms: i64,
    /// Its day in the tenant's zone, as days since 1970-01-01.
    pub local_day: i32,
    /// Its hour in the tenant's zone, 0 to 23.
    pub local_hour: u8,
    /// What happened.
    pub kind: EventKind,
    /// Its value in minor units of the tenant's currency; negative or zero for refunds.
    pub value_minor: Option<i64>,
    /// Hash of the order's id, or of the event's own id where it names none; see [`crate::hash32`].
    pub order_hash: u32,
    /// Discount granted, in minor units; 0 when none.
    pub discount_minor: i64,
    /// Channel by which it came or of the campaign that touched; empty when not known.
    pub channel: String,
    /// How far a campaign's message got; `None` unless the kind is [`EventKind::CampaignTouched`].
    pub touch: Option<Touch>,
    /// Rating given, in thousandths of a point.
    pub rating_milli: Option<i64>,
    /// Answer to the recommendation question, 0 to 10; others are ignored.
    pub nps: Option<i32>,
    /// Lines.
    pub items: Vec<Item>,
    /// What of it cleaning filled or changed.
    pub corrected: Corrected,
}

/// Which facts of an event are not as the source told them, because cleaning filled a gap or changed what stood out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Corrected {
    /// The value, or a quantity or price of an item.
    pub amounts: bool,
    /// The rating.
    pub rating: bool,
    /// The answer to the recommendation question.
    pub nps: bool,
}

impl Event {
    /// Returns an event without any details, at noon UTC of `local_day`.
    pub fn new(kind: EventKind, local_day: i32) -> Self {
        Self {
            event_time_ms: i64::from(local_day) * 86_400_000 + 43_200_000,
            local_day,
            local_hour: 12,
            kind,
            value_minor: None,
            order_hash: 0,
            discount_minor: 0,
            channel: String::new(),
            touch: None,
            rating_milli: None,
            nps: None,
            items: Vec::new(),
            corrected: Corrected::default(),
        }
    }

    /// Returns a completed order; convenient where history is made from orders alone.
    pub fn order(local_day: i32, value_minor: i64, order_id: &str) -> Self {
        Self {
            value_minor: Some(value_minor),
            order_hash: crate::hash32(order_id.as_bytes()),
            ..Self::new(EventKind::OrderCompleted, local_day)
        }
    }
}
