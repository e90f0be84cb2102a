/* Declarations shared by the files of next-hop tunnel binding. */
#ifndef SAPIPE_NHTB_NHTB_PRIV_H
#define SAPIPE_NHTB_NHTB_PRIV_H

#include "base/table.h"
#include "nhtb/nhtb.h"

#define LINKS_MAX	16	/* lists that one SA is in, at most */
enum { AT_PEER, AT_REMOTE };	/* links; the latter is in no list until remotes() has been called */

/* The SAs of one peer, or of all with one name or ID (struct list), or behind one address (struct entry). */
struct sas { struct link *newest; };

/* An SA in one of them, newest first. */
struct link { struct link *prev, *next; struct sas *in; struct nhtb_node *node; };

/* The SAs of one peer, or of all with one name or ID. */
struct list {
	struct sas	 sas;
	struct table_node node;
	struct whole	*whole;		/* NULL: it is no peer that has SAs with selectors of all addresses */
	uint32_t	 bound;		/* static bindings to it */
	char		 key[];
};

/* Of a peer with selectors of all addresses: few of thousands. */
struct whole {
	struct list	*peer;
	struct whole	*next, **at;	/* the others */
	size_t		 n;		/* SAs with such selectors */
};

/* An SA: as many links as it needs, since there are thousands. */
struct nhtb_node {
	struct esp_pair	*pair;
	struct list	*peer;
	bool		 whole;
	uint8_t		 n_lists, n_links, room;
	struct link	 links[];	/* in ${n_lists} lists, then in entries; those of AT_ are at their places */
};

struct entry {
	struct sas	 own;		/* automatic */
	struct table_node node;
	struct addr	 hop;
	uint64_t	 serial;
	struct list	*bound;		/* static: the SAs of the name; NULL: none */
	struct gone	*gone;		/* automatic, of a peer that has gone; NULL: it is not */
};

/* Of an entry whose peer has gone. */
struct gone {
	struct entry	*next, *prev;	/* those that have gone after and before it */
	char		 was[];		/* the peer's name */
};

struct nhtb {
	uint64_t	 salt, serial;
	struct table	 words, peers, hops;
	bool		 by_remote;	/* ${words} has those of remote addresses: few devices need them, see nhtb_remotes() */
	struct entry	**entries;	/* in order of ${serial} */
	size_t		 n_entries, cap_entries, n_static, n_gone;
	struct entry	*first_gone, *last_gone;
	struct whole	*whole;		/* peers with selectors of all addresses */
	size_t		 n_whole;
};

/* The SAs are found by their remote addresses, too, from now on. 0, or -1: no memory. */
int nhtb_remotes(struct nhtb *t);
/* The word for the peer at ${remote}. No name and no ID has a line feed at its beginning. */
#define NHTB_REMOTE	(1 + ADDR_TEXT)
const char *nhtb_remote_word(char out[NHTB_REMOTE], const struct addr *remote);
/* The SAs of a name, an ID or a remote address; NULL: there are none. */
struct list *nhtb_word_find(struct nhtb *t, const char *word);

/* The bindings of ${hop}; NULL: there are none. */
struct entry *nhtb_entry_find(struct nhtb *t, const struct addr *hop);
/* The index of the first entry whose serial is more than ${serial}. */
size_t nhtb_entry_after(const struct nhtb *t, uint64_t serial);

#endif
