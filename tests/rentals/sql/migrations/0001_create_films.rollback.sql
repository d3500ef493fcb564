set local lock_timeout = '4s';

drop table rentals.roles;

drop table rentals.actors;

drop table rentals.films;

drop table rentals.categories;

drop table rentals.languages;

drop type rentals.rating;

drop domain rentals.release_year;

drop schema rentals;
