set local lock_timeout = '4s';

drop table shop.parcels;

drop type shop.address;

drop type shop.parcel_state;
